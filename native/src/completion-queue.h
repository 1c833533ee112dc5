// What threads have for JavaScript: finished jobs and messages of libraries, drained together through one thread-safe function.
#pragma once

#include <napi.h>

#include <mutex>
#include <vector>

#include "thread-pool.h"

namespace stephost {

// The first number of an entry; src/adapters/native/addon.ts has the same.
enum class EntryKind { kResult = 0, kMessage = 1, kQuestion = 2 };

// One entry on its way: bytes of the library for a result, bytes of our own for what a library sent.
struct Entry {
  EntryKind kind;
  // The ticket of a result, the number of a question.
  uint64_t id;
  stephost_code code;
  LibraryBuffer answer;
  std::vector<uint8_t> message;

  const uint8_t* data() const { return kind == EntryKind::kResult ? answer.data() : message.data(); }
  size_t length() const { return kind == EntryKind::kResult ? answer.length() : message.size(); }
};

class CompletionQueue {
 public:
  // `callback` receives the bytes of all entries, one after another, and for each [kind, id, code, length].
  CompletionQueue(Napi::Env env, Napi::Function callback, size_t message_bytes_max);

  // Any thread. Dropped when the queue is closed.
  void Push(Completion completion);
  // Any thread. A message of a library is refused while too many bytes of them wait.
  stephost_code Push(EntryKind kind, uint64_t id, std::vector<uint8_t> message);

  // The following run on the JavaScript thread. While a call is open the event loop stays alive; an idle addon holds nothing.
  void CallOpened(Napi::Env env);
  void CallClosed(Napi::Env env);
  void Close(Napi::Env env);

 private:
  static void Drain(Napi::Env env, Napi::Function callback, CompletionQueue* queue, void* unused);
  using Wake = Napi::TypedThreadSafeFunction<CompletionQueue, void, &CompletionQueue::Drain>;

  Wake wake_;
  size_t open_calls_ = 0;
  const size_t message_bytes_max_;

  void Add(Entry entry);

  std::mutex mutex_;
  std::vector<Entry> finished_;
  size_t message_bytes_ = 0;
  bool wake_sent_ = false;
  bool closed_ = false;
};

}  // namespace stephost
