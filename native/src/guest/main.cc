// A guest for native libraries (PROTOCOL.md): the same libraries as in the host, in a process of their own.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "call-book.h"
#include "library-set.h"
#include "wire.h"

// native/pinger.c, linked in.
extern "C" int stephost_watch(int descriptor);

namespace stephost {
namespace {

constexpr int kUsage = 2;
constexpr int kBroken = 70;

struct Options {
  std::vector<LibraryFile> libraries;
  std::vector<LoadFailure> failures;
  size_t max_in_flight = 16;
  size_t threads = 16;
  size_t frame_bytes_max = 16777216;
  size_t log_lines_per_second = 1000;
  int wire = 3;
  int watch = -1;
};

[[noreturn]] void Refuse(const std::string& problem) {
  fprintf(stderr, "stephost_guest: %s\n", problem.c_str());
  exit(kUsage);
}

size_t Number(const std::string& name, const char* text) {
  char* end = nullptr;
  const unsigned long number = strtoul(text, &end, 10);
  if (*text == 0 || *end != 0 || number == 0) Refuse(name + " takes a whole number of at least 1");
  return number;
}

// The options of PROTOCOL.md §7. Which libraries there are below `--handlers` is the host's to find: `--library PATH FILE ROOT`,
// and `--failure FILE MESSAGE` for what it found and cannot be loaded.
Options Read(int count, char** arguments) {
  Options options;
  int index = 1;
  const auto next = [&](const std::string& name) {
    if (index >= count) Refuse(name + " needs a value");
    return arguments[index++];
  };
  while (index < count) {
    const std::string name = arguments[index++];
    const char* value = next(name);
    if (name == "--library") {
      const std::string file = next(name);
      options.libraries.push_back({value, file, next(name)});
    } else if (name == "--failure") {
      options.failures.push_back({value, next(name)});
    } else if (name == "--max-in-flight") {
      options.max_in_flight = Number(name, value);
    } else if (name == "--threads") {
      options.threads = Number(name, value);
    } else if (name == "--frame-bytes-max") {
      options.frame_bytes_max = Number(name, value);
    } else if (name == "--log-lines-per-second") {
      options.log_lines_per_second = Number(name, value);
    } else if (name == "--wire-descriptor") {
      options.wire = static_cast<int>(Number(name, value));
    } else if (name == "--watch-descriptor") {
      options.watch = static_cast<int>(Number(name, value));
    } else if (name != "--handlers" && name != "--ignore" && name != "--watch-library") {
      Refuse("there is no option " + name);
    }
  }
  return options;
}

// Destructors of libraries do not run: their threads may be in the middle of a call.
[[noreturn]] void End(int code) {
  fflush(stdout);
  _exit(code);
}

class Guest {
 public:
  Guest(Wire* wire, CallBook* book) : wire_(wire), book_(book) {}

  [[noreturn]] void Serve() {
    using std::chrono::milliseconds;
    auto beat_at = std::chrono::steady_clock::now() + kBeat;
    bool untold = false;
    while (wire_->Receive(untold ? milliseconds(5) : milliseconds(1000), [this](bytes message) { Take(message); })) {
      untold = book_->RepeatCancels();
      if (reloading_ && book_->in_flight() == 0) End(0);
      const auto now = std::chrono::steady_clock::now();
      if (now < beat_at) continue;
      beat_at = now + kBeat;
      book_->Heartbeat();
    }
    End(0);
  }

 private:
  static constexpr std::chrono::milliseconds kBeat{950};

  void Take(bytes message) {
    const bytes type = msgpack_string(msgpack_field(message, "type"));
    if (type.at == nullptr) throw WireViolation("bad_message", "A message has no type.");
    const std::string name(type.at, type.end);
    if (name == "execute") {
      if (reloading_) throw WireViolation("unexpected_message", "An execute came after reload.");
      book_->Execute(message);
    } else if (name == "cancel") {
      book_->Cancel(message);
    } else if (name == "checkpointed") {
      book_->Checkpointed(message);
    } else if (name == "ping") {
      Pong(message);
    } else if (name == "reload") {
      reloading_ = true;
    } else if (name == "shutdown") {
      End(0);
    } else if (name == "error") {
      End(kBroken);
    } else {
      throw WireViolation("unknown_type", "There is no message of type " + name + ".");
    }
  }

  void Pong(bytes ping) {
    const bytes nonce = msgpack_field(ping, "nonce");
    const bytes after = msgpack_after(nonce);
    if (after.at == nullptr) throw WireViolation("bad_message", "A ping has no nonce.");
    Message pong(2, "pong");
    write_string(pong.out(), "nonce"), write_raw(pong.out(), nonce.at, static_cast<size_t>(after.at - nonce.at));
    wire_->Send(pong.content());
  }

  Wire* const wire_;
  CallBook* const book_;
  bool reloading_ = false;
};

[[noreturn]] void Run(const Options& options) {
  // What handlers start must not hold the wire open.
  fcntl(options.wire, F_SETFD, FD_CLOEXEC);
  if (options.watch >= 0) {
    fcntl(options.watch, F_SETFD, FD_CLOEXEC);
    if (const int problem = stephost_watch(options.watch); problem != 0) {
      Refuse(std::string("the watch does not start: ") + strerror(problem));
    }
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  Wire wire(options.wire, options.frame_bytes_max);
  const LibrarySet libraries(options.libraries, options.failures, options.frame_bytes_max);
  CallBook book(&wire, &libraries, {options.threads, options.max_in_flight, options.log_lines_per_second});
  libraries.Announce(&wire, static_cast<uint32_t>(options.max_in_flight));
  try {
    Guest(&wire, &book).Serve();
  } catch (const WireViolation& violation) {
    Message error(3, "error");
    write_string(error.out(), "code"), write_string(error.out(), violation.code().c_str());
    write_string(error.out(), "message"), write_string(error.out(), violation.what());
    wire.Send(error.content());
    End(kBroken);
  }
}

}  // namespace
}  // namespace stephost

int main(int count, char** arguments) { stephost::Run(stephost::Read(count, arguments)); }
