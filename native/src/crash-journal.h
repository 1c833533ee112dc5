// What runs on each thread, in a file that outlives the process: so that after a crash the next start can say what was running.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "thread-pool.h"

namespace stephost {

// A job that was running when its process ended. `signal` is 0 when the process was not ended by a fault of that thread.
struct CrashNote {
  int signal;
  std::string library;
  std::string callable;
  std::string step;
};

class CrashJournal {
 public:
  // Takes the notes of processes that are gone out of `directory`, and removes their files.
  static std::vector<CrashNote> Collect(const std::string& directory);
  // A file of this process's own; nullptr when there can be none, and then nothing is noted.
  static std::shared_ptr<CrashJournal> Open(const std::string& directory, size_t threads_max);
  CrashJournal(const CrashJournal&) = delete;
  CrashJournal& operator=(const CrashJournal&) = delete;
  ~CrashJournal();
  // An orderly end leaves no file.
  void Finish();

  // Notes the job for the thread that calls, until what it gives is gone.
  static std::shared_ptr<void> Note(const std::shared_ptr<CrashJournal>& journal, const Job& job);

 private:
  CrashJournal(std::string path, int descriptor, void* slots, size_t count);

  std::string path_;
  int descriptor_;
  void* slots_;
  size_t count_;
};

}  // namespace stephost
