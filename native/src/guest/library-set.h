// The libraries of a guest: loaded once, announced together, found by the names of their handlers.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "handler-library.h"
#include "wire.h"

namespace stephost {

struct LibraryFile {
  std::string path;
  // What the author knows it as, and the handler root it belongs to.
  std::string file;
  std::string root;
};

struct LoadFailure {
  std::string file;
  std::string message;
};

class LibrarySet {
 public:
  // One that does not load, and a name that is taken, become load failures; the others serve.
  // `failures` are announced too.
  LibrarySet(const std::vector<LibraryFile>& files, std::vector<LoadFailure> failures, size_t answer_bytes_max);

  // nullptr: no library has a handler of that name.
  const HandlerLibrary* Find(const std::string& callable) const;
  // The `hello` of all libraries (PROTOCOL.md §3.1).
  void Announce(Wire* wire, uint32_t max_in_flight) const;

 private:
  void Load(const LibraryFile& file, size_t answer_bytes_max);
  void Take(bytes hello, const LibraryFile& file);
  bool TakeHandler(bytes handler, const LibraryFile& file);

  std::vector<HandlerLibrary> libraries_;
  std::unordered_map<std::string, size_t> routes_;
  // Callable → `root/file` of its library.
  std::unordered_map<std::string, std::string> owners_;
  // Each a handler's map, ready to be sent.
  std::vector<std::vector<uint8_t>> handlers_;
  std::vector<LoadFailure> failures_;
  std::string sdk_version_ = "0";
  std::string language_version_ = "none";
};

}  // namespace stephost
