// The addon's own threads, so that a handler that blocks never takes one of libuv's (those serve files and DNS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "handler-library.h"

namespace stephost {

struct Job {
  uint64_t ticket;
  HandlerLibrary library;
  // What the library may call while it runs; lives as long as the process.
  const stephost_host* host;
  std::vector<uint8_t> message;
};

struct Completion {
  uint64_t ticket;
  LibraryAnswer answer;
};

struct PoolLimits {
  size_t threads;
  size_t queue_max;
  // Threads that may be replaced while they are lost in a handler that does not end.
  size_t abandoned_max;
  size_t answer_bytes_max;
};

struct PoolEvents {
  // On the thread that runs the job, before any code of the library; what it gives is kept until the job is over.
  std::function<std::shared_ptr<void>(const Job&)> begun;
  // On pool threads, once per job that was neither abandoned nor withdrawn.
  std::function<void(Completion)> finished;
};

enum class Abandonment { kUnknown, kWithdrawn, kAbandoned };
enum class AbandonOnly { kWaiting, kAny };

class ThreadPool {
 public:
  ThreadPool(PoolLimits limits, PoolEvents events);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  // False when the queue is full, no thread can be made, or the pool is closed.
  bool Submit(Job job);
  // Gives a job up: out of the queue when it has not begun, else its thread is left behind and replaced.
  Abandonment Abandon(uint64_t ticket, AbandonOnly only = AbandonOnly::kAny);
  // Threads that are lost in a handler right now.
  size_t abandoned() const;
  // Waits for idle threads to end. A thread inside a handler cannot be stopped; it ends by itself and its answer is dropped.
  void Close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace stephost
