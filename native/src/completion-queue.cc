// One wake-up of the event loop for all entries that gathered since the last one, and one buffer for their bytes.
#include "completion-queue.h"

#include <cstring>
#include <utility>

namespace stephost {

CompletionQueue::CompletionQueue(Napi::Env env, Napi::Function callback, size_t message_bytes_max)
    : wake_(Wake::New(env, callback, "stephost.completions", 0, 1, this)), message_bytes_max_(message_bytes_max) {
  wake_.Unref(env);
}

void CompletionQueue::Push(Completion completion) {
  LibraryAnswer& answer = completion.answer;
  // The lock is held across the wake-up: Close must not release the function between the test and the call.
  std::lock_guard<std::mutex> lock(mutex_);
  if (!closed_) Add({EntryKind::kResult, completion.ticket, answer.code, std::move(answer.buffer), {}});
}

stephost_code CompletionQueue::Push(EntryKind kind, uint64_t id, std::vector<uint8_t> message) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return STEPHOST_CLOSED;
  if (message.size() > message_bytes_max_ - message_bytes_) return STEPHOST_FULL;
  message_bytes_ += message.size();
  Add({kind, id, STEPHOST_OK, LibraryBuffer(), std::move(message)});
  return STEPHOST_OK;
}

void CompletionQueue::Add(Entry entry) {
  finished_.push_back(std::move(entry));
  if (!wake_sent_) wake_sent_ = wake_.NonBlockingCall() == napi_ok;
}

void CompletionQueue::CallOpened(Napi::Env env) {
  if (open_calls_++ == 0) wake_.Ref(env);
}

void CompletionQueue::CallClosed(Napi::Env env) {
  if (--open_calls_ == 0) wake_.Unref(env);
}

void CompletionQueue::Close(Napi::Env env) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  closed_ = true;
  finished_.clear();
  if (open_calls_ > 0) wake_.Unref(env);
  wake_.Abort();
}

void CompletionQueue::Drain(Napi::Env env, Napi::Function callback, CompletionQueue* queue, void*) {
  // Without an environment the function is being torn down and the queue may be gone.
  if (static_cast<napi_env>(env) == nullptr) return;
  std::vector<Entry> batch;
  {
    std::lock_guard<std::mutex> lock(queue->mutex_);
    batch.swap(queue->finished_);
    queue->message_bytes_ = 0;
    queue->wake_sent_ = false;
  }
  if (batch.empty()) return;
  size_t total = 0;
  for (const Entry& entry : batch) total += entry.length();
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, total);
  Napi::Float64Array index = Napi::Float64Array::New(env, 4 * batch.size());
  size_t offset = 0;
  double* number = index.Data();
  for (const Entry& entry : batch) {
    if (entry.length() > 0) std::memcpy(bytes.Data() + offset, entry.data(), entry.length());
    offset += entry.length();
    *number++ = static_cast<double>(entry.kind);
    *number++ = static_cast<double>(entry.id);
    *number++ = entry.code;
    *number++ = static_cast<double>(entry.length());
    if (entry.kind == EntryKind::kResult) queue->CallClosed(env);
  }
  // The libraries have their buffers back before any JavaScript runs.
  batch.clear();
  callback.Call({bytes, index});
}

}  // namespace stephost
