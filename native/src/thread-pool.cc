// Threads made on demand up to a limit, one bounded queue, and the book of which job runs where.
#include "thread-pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

namespace stephost {

// Shared with the threads, which may outlive the pool: a thread that is stuck in a handler keeps its state alive.
struct ThreadPool::State {
  PoolLimits limits;
  std::function<void(Completion)> finished;

  std::mutex mutex;
  std::condition_variable work_or_close;
  std::condition_variable thread_ended;
  std::deque<Job> queue;
  std::unordered_set<uint64_t> running;
  size_t live = 0;
  size_t idle = 0;
  size_t abandoned = 0;
  bool closed = false;

  size_t ThreadsAllowed() const { return limits.threads + std::min(abandoned, limits.abandoned_max); }
};

ThreadPool::ThreadPool(PoolLimits limits, std::function<void(Completion)> finished) : state_(std::make_shared<State>()) {
  state_->limits = limits;
  state_->finished = std::move(finished);
}

ThreadPool::~ThreadPool() { Close(); }

bool ThreadPool::Submit(Job job) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->closed || state_->queue.size() >= state_->limits.queue_max) return false;
  if (state_->idle <= state_->queue.size() && state_->live < state_->ThreadsAllowed()) Spawn(state_);
  if (state_->live == 0) return false;
  state_->queue.push_back(std::move(job));
  state_->work_or_close.notify_one();
  return true;
}

Abandonment ThreadPool::Abandon(uint64_t ticket) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  auto queued = std::find_if(state_->queue.begin(), state_->queue.end(),
                             [ticket](const Job& job) { return job.ticket == ticket; });
  if (queued != state_->queue.end()) {
    state_->queue.erase(queued);
    return Abandonment::kWithdrawn;
  }
  if (state_->running.erase(ticket) == 0) return Abandonment::kUnknown;
  state_->abandoned += 1;
  // Jobs that waited for the lost thread need another one now.
  if (state_->idle < state_->queue.size() && state_->live < state_->ThreadsAllowed()) Spawn(state_);
  return Abandonment::kAbandoned;
}

size_t ThreadPool::abandoned() const {
  std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->abandoned;
}

void ThreadPool::Close() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->closed = true;
  state_->queue.clear();
  state_->abandoned += state_->running.size();
  state_->running.clear();
  state_->work_or_close.notify_all();
  state_->thread_ended.wait(lock, [this] { return state_->live <= state_->abandoned; });
}

// Called with the lock held. Signals stay with Node's own threads, so that a handler's system calls are not interrupted.
void ThreadPool::Spawn(const std::shared_ptr<State>& state) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([state] { Work(state); }).detach();
    state->live += 1;
  } catch (const std::system_error&) {
    // The machine has no thread left: the job waits for those that exist, or is refused when there are none.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::Work(const std::shared_ptr<State>& state) {
  std::unique_lock<std::mutex> lock(state->mutex);
  while (true) {
    state->idle += 1;
    state->work_or_close.wait(lock, [&] { return state->closed || !state->queue.empty(); });
    state->idle -= 1;
    if (state->closed) break;
    Job job = std::move(state->queue.front());
    state->queue.pop_front();
    state->running.insert(job.ticket);
    lock.unlock();

    Completion completion = {
        job.ticket, job.library.Execute(job.message.data(), job.message.size(), state->limits.answer_bytes_max)};

    lock.lock();
    const bool awaited = state->running.erase(job.ticket) > 0;
    if (!awaited) {
      state->abandoned -= 1;
      // This thread was replaced while it was lost; it ends when the pool is full without it.
      if (state->live > state->ThreadsAllowed()) break;
      continue;
    }
    lock.unlock();
    state->finished(std::move(completion));
    lock.lock();
  }
  state->live -= 1;
  state->thread_ended.notify_all();
}

}  // namespace stephost
