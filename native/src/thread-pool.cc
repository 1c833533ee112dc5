// Threads made on demand up to a limit, one bounded queue, and the book of which job runs where.
#include "thread-pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

namespace stephost {
namespace {

// How long a thread without work looks for some before it sleeps: a wake-up costs more than that. One thread at a time looks.
constexpr std::chrono::microseconds kLook{50};

struct Sleeper {
  std::condition_variable wake;
  bool woken = false;
};

void Breathe() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

// Shared with the threads, which may outlive the pool: a thread that is stuck in a handler keeps its state alive.
struct ThreadPool::State : std::enable_shared_from_this<State> {
  PoolLimits limits;
  PoolEvents events;

  std::mutex mutex;
  std::condition_variable thread_ended;
  std::deque<Job> queue;
  // The length of the queue, for the thread that looks without the lock.
  std::atomic<size_t> queued{0};
  // Last in, first out: the thread that slept least has the warmest caches.
  std::vector<Sleeper*> asleep;
  std::unordered_set<uint64_t> running;
  size_t live = 0;
  // Threads that were woken or made and have not looked at the queue yet. While there is one, nobody else is woken.
  size_t coming = 0;
  bool looking = false;
  size_t abandoned = 0;
  std::atomic<bool> closed{false};

  size_t ThreadsAllowed() const { return limits.threads + std::min(abandoned, limits.abandoned_max); }
  void CallThread();
  void Spawn();
  void Work();
  bool AwaitJob(std::unique_lock<std::mutex>& lock, Sleeper& sleeper);
  bool Run(std::unique_lock<std::mutex>& lock);
};

ThreadPool::ThreadPool(PoolLimits limits, PoolEvents events) : state_(std::make_shared<State>()) {
  state_->limits = limits;
  state_->events = std::move(events);
}

ThreadPool::~ThreadPool() { Close(); }

bool ThreadPool::Submit(Job job) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->closed || state_->queue.size() >= state_->limits.queue_max) return false;
  state_->queue.push_back(std::move(job));
  state_->queued = state_->queue.size();
  state_->CallThread();
  if (state_->live > 0) return true;
  state_->queue.pop_back();
  state_->queued = state_->queue.size();
  return false;
}

Abandonment ThreadPool::Abandon(uint64_t ticket, AbandonOnly only) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  auto queued = std::find_if(state_->queue.begin(), state_->queue.end(),
                             [ticket](const Job& job) { return job.ticket == ticket; });
  if (queued != state_->queue.end()) {
    state_->queue.erase(queued);
    state_->queued = state_->queue.size();
    return Abandonment::kWithdrawn;
  }
  if (only == AbandonOnly::kWaiting || state_->running.erase(ticket) == 0) return Abandonment::kUnknown;
  state_->abandoned += 1;
  // Jobs that waited for the lost thread need another one now.
  state_->CallThread();
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
  state_->queued = 0;
  state_->abandoned += state_->running.size();
  state_->running.clear();
  for (Sleeper* sleeper : state_->asleep) {
    sleeper->woken = true;
    sleeper->wake.notify_one();
  }
  state_->asleep.clear();
  state_->thread_ended.wait(lock, [this] { return state_->live <= state_->abandoned; });
}

// Called with the lock held, after a job came. One thread is fetched; when it finds more jobs than its own, it fetches the next.
void ThreadPool::State::CallThread() {
  if (queue.empty() || coming > 0 || looking) return;
  if (!asleep.empty()) {
    Sleeper* sleeper = asleep.back();
    asleep.pop_back();
    coming += 1;
    sleeper->woken = true;
    sleeper->wake.notify_one();
  } else if (live < ThreadsAllowed()) {
    Spawn();
  }
}

// Called with the lock held. Signals stay with Node's own threads, so that a handler's system calls are not interrupted.
void ThreadPool::State::Spawn() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // What a handler's own mistake raises must reach it.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([state = shared_from_this()] { state->Work(); }).detach();
    live += 1;
    coming += 1;
  } catch (const std::system_error&) {
    // The machine has no thread left: the job waits for those that exist, or is refused when there are none.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::State::Work() {
  Sleeper sleeper;
  std::unique_lock<std::mutex> lock(mutex);
  coming -= 1;
  while (AwaitJob(lock, sleeper)) {
    if (!Run(lock)) break;
  }
  live -= 1;
  thread_ended.notify_all();
}

// With the lock held, before and after. False: the pool is closed.
bool ThreadPool::State::AwaitJob(std::unique_lock<std::mutex>& lock, Sleeper& sleeper) {
  while (!closed && queue.empty()) {
    if (!looking) {
      looking = true;
      lock.unlock();
      const auto until = std::chrono::steady_clock::now() + kLook;
      while (queued == 0 && !closed && std::chrono::steady_clock::now() < until) Breathe();
      lock.lock();
      looking = false;
      if (!queue.empty() || closed) break;
    }
    sleeper.woken = false;
    asleep.push_back(&sleeper);
    sleeper.wake.wait(lock, [&sleeper] { return sleeper.woken; });
    if (!closed) coming -= 1;
  }
  return !closed;
}

// Takes the first job and runs it without the lock. False: this thread is one too many.
bool ThreadPool::State::Run(std::unique_lock<std::mutex>& lock) {
  Job job = std::move(queue.front());
  queue.pop_front();
  queued = queue.size();
  running.insert(job.ticket);
  CallThread();
  lock.unlock();

  std::shared_ptr<void> kept = events.begun ? events.begun(job) : nullptr;
  Completion completion = {
      job.ticket, job.library.Execute(job.host, job.message.data(), job.message.size(), limits.answer_bytes_max)};
  kept.reset();

  lock.lock();
  if (running.erase(job.ticket) == 0) {
    abandoned -= 1;
    // This thread was replaced while it was lost; it ends when the pool is full without it.
    return live <= ThreadsAllowed();
  }
  lock.unlock();
  events.finished(std::move(completion));
  lock.lock();
  return true;
}

}  // namespace stephost
