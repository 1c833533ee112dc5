// The calls that a guest holds: which library has each, whether it runs, and what it answers (PROTOCOL.md §3).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "host-services.h"
#include "library-set.h"
#include "thread-pool.h"
#include "wire.h"

namespace stephost {

struct GuestLimits {
  size_t threads;
  size_t max_in_flight;
  size_t log_lines_per_second;
};

class CallBook {
 public:
  CallBook(Wire* wire, const LibrarySet* libraries, GuestLimits limits);

  // Messages of the host. All throw WireViolation.
  void Execute(bytes message);
  void Cancel(bytes message);
  void Checkpointed(bytes message);

  // Cancels that overtook the start of their call are told again; true while there are some.
  bool RepeatCancels();
  // What a guest with calls says every second.
  void Heartbeat();
  size_t in_flight() const;

 private:
  struct Call {
    std::string id;
    const HandlerLibrary* library;
    // The raw uuids of its requests.
    std::vector<std::string> steps;
    // For a thread: all were taken when it came.
    bool waits = false;
    // The `cancel` that the library has not taken yet.
    std::vector<uint8_t> cancel;
  };

  void Begun(uint64_t ticket);
  void Finished(Completion completion);
  stephost_code Said(HostServices::Kind kind, uint64_t ask, std::vector<uint8_t> message);
  bool MaySpeak();
  void Fail(const Call& call, const char* error_type, bool retryable, const std::string& message);

  Wire* const wire_;
  const LibrarySet* const libraries_;
  const GuestLimits limits_;
  HostServices* const services_;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, Call> calls_;
  std::unordered_map<std::string, uint64_t> tickets_;
  uint64_t last_ticket_ = 0;

  std::mutex speaking_;
  // `call_id` and `checkpoint_id` of a question → its number.
  std::unordered_map<std::string, uint64_t> questions_;
  int64_t second_ = 0;
  size_t lines_ = 0;
  size_t dropped_ = 0;

  // Last, so that its threads end before what they use.
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace stephost
