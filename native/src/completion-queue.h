// Finished jobs on their way to JavaScript: collected here and drained together through one thread-safe function.
#pragma once

#include <napi.h>

#include <mutex>
#include <vector>

#include "thread-pool.h"

namespace stephost {

class CompletionQueue {
 public:
  // `callback` receives an array of {ticket, code, message}; it runs on the JavaScript thread of `env`.
  CompletionQueue(Napi::Env env, Napi::Function callback);

  // Any thread. Dropped when the queue is closed.
  void Push(Completion completion);

  // The following run on the JavaScript thread. While a call is open the event loop stays alive; an idle addon holds nothing.
  void CallOpened(Napi::Env env);
  void CallClosed(Napi::Env env);
  void Close(Napi::Env env);

 private:
  static void Drain(Napi::Env env, Napi::Function callback, CompletionQueue* queue, void* unused);
  using Wake = Napi::TypedThreadSafeFunction<CompletionQueue, void, &CompletionQueue::Drain>;

  Wake wake_;
  size_t open_calls_ = 0;

  std::mutex mutex_;
  std::vector<Completion> finished_;
  bool wake_sent_ = false;
  bool closed_ = false;
};

}  // namespace stephost
