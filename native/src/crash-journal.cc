// A shared mapping with one slot for each thread; a handler of fatal signals marks the slot of the thread at fault.
#include "crash-journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "msgpack.h"

namespace stephost {
namespace {

constexpr char kSuffix[] = ".running";

// Part of a file that another build may read: plain bytes, texts cut to fit and ended by a zero.
struct Slot {
  std::atomic<uint32_t> state;  // 0: free, 1: taken, 2: a job runs
  std::atomic<uint32_t> signal;
  char library[240];
  char callable[200];
  char step[64];
};
static_assert(sizeof(Slot) == 512, "a slot is 512 bytes");
static_assert(std::atomic<uint32_t>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
struct sigaction before[NSIG];
thread_local Slot* running_here = nullptr;

// Only async-signal-safe work. What was there before decides what happens to the process.
void MarkFault(int number, siginfo_t* info, void* context) {
  if (running_here != nullptr) running_here->signal = static_cast<uint32_t>(number);
  const struct sigaction& old = before[number];
  if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) return old.sa_sigaction(number, info, context);
  if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) return old.sa_handler(number);
  // A fault happens again when this returns; a signal that was sent does not.
  signal(number, SIG_DFL);
  raise(number);
}

// The files of this process. Never destroyed: it is read while the process ends.
struct OpenFiles {
  std::mutex mutex;
  std::vector<std::string> paths;
};
OpenFiles& Files() {
  static auto* files = new OpenFiles();
  return *files;
}

// An exit that Node was told of is orderly, though Node does not tell its addons. One out of a handler is what the notes are for.
void RemoveAtExit() {
  if (running_here != nullptr) return;
  for (const std::string& path : Files().paths) unlink(path.c_str());
}

void WatchEnds() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = MarkFault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (const int fault : kFaults) sigaction(fault, &action, &before[fault]);
    atexit(RemoveAtExit);
  });
}

// A stack of its own for the signal handler: a handler of steps that recurses for ever has used up the thread's.
struct FaultStack {
  FaultStack() : memory(64 * 1024) {
    stack_t stack = {};
    stack.ss_sp = memory.data();
    stack.ss_size = memory.size();
    sigaltstack(&stack, nullptr);
  }
  ~FaultStack() {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  std::vector<char> memory;
};

template <size_t size>
void Fill(char (&field)[size], const char* at, size_t length) {
  const size_t kept = std::min(length, size - 1);
  std::memcpy(field, at, kept);
  field[kept] = 0;
}

template <size_t size>
void Fill(char (&field)[size], bytes text) {
  if (text.at == nullptr) return Fill(field, "", 0);
  Fill(field, reinterpret_cast<const char*>(text.at), static_cast<size_t>(text.end - text.at));
}

template <size_t size>
std::string Text(const char (&field)[size]) {
  return std::string(field, strnlen(field, size));
}

std::vector<CrashNote> Read(int descriptor) {
  std::vector<CrashNote> notes;
  struct stat status = {};
  if (fstat(descriptor, &status) != 0 || status.st_size < static_cast<off_t>(sizeof(Slot))) return notes;
  const auto size = static_cast<size_t>(status.st_size);
  void* memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return notes;
  const auto* slots = static_cast<const Slot*>(memory);
  for (size_t index = 0; index < size / sizeof(Slot); index += 1) {
    const Slot& slot = slots[index];
    if (slot.state != 2) continue;
    notes.push_back({static_cast<int>(slot.signal.load()), Text(slot.library), Text(slot.callable), Text(slot.step)});
  }
  munmap(memory, size);
  return notes;
}

}  // namespace

std::vector<CrashNote> CrashJournal::Collect(const std::string& directory) {
  std::vector<CrashNote> notes;
  DIR* entries = opendir(directory.c_str());
  if (entries == nullptr) return notes;
  while (const dirent* entry = readdir(entries)) {
    const std::string name = entry->d_name;
    if (name.size() < sizeof(kSuffix) || name.compare(name.size() - sizeof(kSuffix) + 1, std::string::npos, kSuffix) != 0)
      continue;
    const std::string path = directory + "/" + name;
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) continue;
    // The kernel lets go of the lock with the process, however that ended.
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      const std::vector<CrashNote> found = Read(descriptor);
      notes.insert(notes.end(), found.begin(), found.end());
      unlink(path.c_str());
    }
    close(descriptor);
  }
  closedir(entries);
  return notes;
}

std::shared_ptr<CrashJournal> CrashJournal::Open(const std::string& directory, size_t threads_max) {
  std::string path = directory + "/XXXXXX" + kSuffix;
  const int descriptor = mkostemps(path.data(), sizeof(kSuffix) - 1, O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  const size_t size = threads_max * sizeof(Slot);
  void* memory = MAP_FAILED;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 &&
      // Allocated at once: a write into a mapping that finds the disk full would end the process.
      posix_fallocate(descriptor, 0, static_cast<off_t>(size)) == 0) {
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  }
  if (memory == MAP_FAILED) {
    unlink(path.c_str());
    close(descriptor);
    return nullptr;
  }
  WatchEnds();
  std::lock_guard<std::mutex> lock(Files().mutex);
  Files().paths.push_back(path);
  return std::shared_ptr<CrashJournal>(new CrashJournal(path, descriptor, memory, threads_max));
}

CrashJournal::CrashJournal(std::string path, int descriptor, void* slots, size_t count)
    : path_(std::move(path)), descriptor_(descriptor), slots_(slots), count_(count) {}

void CrashJournal::Finish() {
  unlink(path_.c_str());
  std::lock_guard<std::mutex> lock(Files().mutex);
  std::vector<std::string>& paths = Files().paths;
  paths.erase(std::remove(paths.begin(), paths.end(), path_), paths.end());
}

CrashJournal::~CrashJournal() {
  munmap(slots_, count_ * sizeof(Slot));
  close(descriptor_);
}

std::shared_ptr<void> CrashJournal::Note(const std::shared_ptr<CrashJournal>& journal, const Job& job) {
  if (journal == nullptr) return nullptr;
  static thread_local FaultStack fault_stack;
  auto* slots = static_cast<Slot*>(journal->slots_);
  Slot* slot = nullptr;
  for (size_t index = 0; index < journal->count_ && slot == nullptr; index += 1) {
    uint32_t free = 0;
    if (slots[index].state.compare_exchange_strong(free, 1)) slot = &slots[index];
  }
  // More threads than slots: some are lost in handlers. Their notes matter more.
  if (slot == nullptr) return nullptr;
  const bytes call = {job.message.data(), job.message.data() + job.message.size()};
  Fill(slot->library, job.library.name().data(), job.library.name().size());
  Fill(slot->callable, msgpack_string(msgpack_field(call, "callable")));
  Fill(slot->step, msgpack_string(msgpack_field(msgpack_first(msgpack_field(call, "requests")), "step_uuid")));
  slot->signal = 0;
  slot->state = 2;
  running_here = slot;
  // The journal stays mapped while a thread writes to it.
  return std::shared_ptr<void>(slot, [journal](void* done) {
    running_here = nullptr;
    static_cast<Slot*>(done)->state = 0;
  });
}

}  // namespace stephost
