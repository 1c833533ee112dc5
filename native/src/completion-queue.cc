// One wake-up of the event loop for all completions that gathered since the last one.
#include "completion-queue.h"

#include <utility>

namespace stephost {

CompletionQueue::CompletionQueue(Napi::Env env, Napi::Function callback)
    : wake_(Wake::New(env, callback, "stephost.completions", 0, 1, this)) {
  wake_.Unref(env);
}

void CompletionQueue::Push(Completion completion) {
  // The lock is held across the wake-up: Close must not release the function between the test and the call.
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  finished_.push_back(std::move(completion));
  if (wake_sent_) return;
  wake_sent_ = wake_.NonBlockingCall() == napi_ok;
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
  std::vector<Completion> batch;
  {
    std::lock_guard<std::mutex> lock(queue->mutex_);
    batch.swap(queue->finished_);
    queue->wake_sent_ = false;
  }
  if (batch.empty()) return;
  Napi::Array list = Napi::Array::New(env, batch.size());
  for (size_t index = 0; index < batch.size(); index += 1) {
    const LibraryAnswer& answer = batch[index].answer;
    Napi::Object entry = Napi::Object::New(env);
    entry["ticket"] = static_cast<double>(batch[index].ticket);
    entry["code"] = answer.code;
    if (answer.code == STEPHOST_OK) {
      entry["message"] = Napi::Buffer<uint8_t>::Copy(env, answer.buffer.data(), answer.buffer.length());
    } else {
      entry["message"] = env.Null();
    }
    list[static_cast<uint32_t>(index)] = entry;
    queue->CallClosed(env);
  }
  batch.clear();
  callback.Call({list});
}

}  // namespace stephost
