// The functions behind `stephost_host`; nothing that a library hands over is trusted.
#include "host-services.h"

#include <algorithm>
#include <utility>

namespace stephost {
namespace {

// What C calls must not see an exception: memory can run out.
template <typename Work>
stephost_code Guarded(Work work) {
  try {
    return work();
  } catch (...) {
    return STEPHOST_INTERNAL;
  }
}

std::vector<HostServices*>& Made() {
  // Reachable for ever, and on purpose never destroyed: threads of libraries may run while the process ends.
  static auto* made = new std::vector<HostServices*>();
  return *made;
}

void Release(const stephost_buffer* buffer) {
  if (buffer != nullptr) delete[] buffer->data;
}

}  // namespace

HostServices* HostServices::Make(Deliver deliver) {
  static std::mutex mutex;
  auto* services = new HostServices(std::move(deliver));
  std::lock_guard<std::mutex> lock(mutex);
  Made().push_back(services);
  return services;
}

HostServices::HostServices(Deliver deliver) : deliver_(std::move(deliver)) {
  const auto send = [](void* user_data, const uint8_t* message, size_t length) {
    return Guarded([&] { return static_cast<HostServices*>(user_data)->Send(message, length); });
  };
  const auto ask = [](void* user_data, const uint8_t* message, size_t length, stephost_buffer* out) {
    return Guarded([&] { return static_cast<HostServices*>(user_data)->Ask(message, length, out); });
  };
  host_ = {STEPHOST_HANDLER_ABI_VERSION, sizeof(stephost_host), this, send, ask, Release};
}

stephost_code HostServices::Send(const uint8_t* message, size_t length) {
  if (message == nullptr) return STEPHOST_NULL_POINTER;
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return STEPHOST_CLOSED;
  return deliver_(Kind::kSend, 0, std::vector<uint8_t>(message, message + length));
}

stephost_code HostServices::Ask(const uint8_t* message, size_t length, stephost_buffer* out) {
  if (message == nullptr || out == nullptr) return STEPHOST_NULL_POINTER;
  Question question;
  std::unique_lock<std::mutex> lock(mutex_);
  if (closed_) return STEPHOST_CLOSED;
  const uint64_t ask = ++last_ask_;
  const stephost_code code = deliver_(Kind::kAsk, ask, std::vector<uint8_t>(message, message + length));
  if (code != STEPHOST_OK) return code;
  questions_.emplace(ask, &question);
  question.answered.wait(lock, [&] { return question.done || closed_; });
  questions_.erase(ask);
  if (!question.done) return STEPHOST_CLOSED;
  auto* data = new uint8_t[question.answer.size()];
  std::copy(question.answer.begin(), question.answer.end(), data);
  *out = {data, question.answer.size(), 0};
  return STEPHOST_OK;
}

bool HostServices::Answer(uint64_t ask, std::vector<uint8_t> message) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = questions_.find(ask);
  if (found == questions_.end()) return false;
  found->second->answer = std::move(message);
  found->second->done = true;
  found->second->answered.notify_one();
  return true;
}

void HostServices::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  // What it holds may end with the environment.
  deliver_ = nullptr;
  for (const auto& [ask, question] : questions_) question->answered.notify_one();
}

}  // namespace stephost
