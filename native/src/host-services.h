// What the host does for the libraries that it runs: it takes their messages, and answers those that wait for an answer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "step_handler.h"

namespace stephost {

class HostServices {
 public:
  enum class Kind { kSend, kAsk };
  // Takes a message of a library, on any thread. `ask` is the number under which Answer is expected, 0 for kSend.
  using Deliver = std::function<stephost_code(Kind kind, uint64_t ask, std::vector<uint8_t> message)>;

  // Never deleted: a library may use the struct at any time, also when nobody listens any more.
  static HostServices* Make(Deliver deliver);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const stephost_host* host() const { return &host_; }
  // False when nobody waits under that number.
  bool Answer(uint64_t ask, std::vector<uint8_t> message);
  // From now on every function says STEPHOST_CLOSED, and so do those that wait. Twice is legal.
  void Close();

 private:
  struct Question {
    std::condition_variable answered;
    std::vector<uint8_t> answer;
    bool done = false;
  };

  explicit HostServices(Deliver deliver);
  stephost_code Send(const uint8_t* message, size_t length);
  stephost_code Ask(const uint8_t* message, size_t length, stephost_buffer* out);

  stephost_host host_;
  std::mutex mutex_;
  Deliver deliver_;
  std::unordered_map<uint64_t, Question*> questions_;
  uint64_t last_ask_ = 0;
  bool closed_ = false;
};

}  // namespace stephost
