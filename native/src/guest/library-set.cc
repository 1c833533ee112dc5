// Takes the hello of each library apart and puts one together for the host.
#include "library-set.h"

#include <unistd.h>

#include <utility>

namespace stephost {
namespace {

std::string Text(bytes value) {
  const bytes content = msgpack_string(value);
  if (content.at == nullptr) return std::string();
  return std::string(reinterpret_cast<const char*>(content.at), static_cast<size_t>(content.end - content.at));
}

}  // namespace

LibrarySet::LibrarySet(const std::vector<LibraryFile>& files, std::vector<LoadFailure> failures, size_t answer_bytes_max)
    : failures_(std::move(failures)) {
  for (const LibraryFile& file : files) {
    try {
      Load(file, answer_bytes_max);
    } catch (const LibraryError& problem) {
      failures_.push_back({file.file, problem.what()});
    }
  }
}

void LibrarySet::Load(const LibraryFile& file, size_t answer_bytes_max) {
  const HandlerLibrary library = HandlerLibrary::Load(file.path, file.path);
  const LibraryAnswer hello = library.List(answer_bytes_max);
  if (hello.code != STEPHOST_OK) {
    throw LibraryError("TABLE_INVALID", file.path + " cannot list its handlers (code " + std::to_string(hello.code) + ")");
  }
  libraries_.push_back(library);
  Take({hello.buffer.data(), hello.buffer.data() + hello.buffer.length()}, file);
}

void LibrarySet::Take(bytes hello, const LibraryFile& file) {
  if (Text(msgpack_field(hello, "type")) != "hello") {
    throw LibraryError("TABLE_INVALID", file.path + " announces itself with something else than a hello");
  }
  sdk_version_ = Text(msgpack_field(hello, "sdk_version"));
  language_version_ = Text(msgpack_field(hello, "language_version"));
  bytes entry = {};
  const size_t failures = msgpack_array(msgpack_field(hello, "load_failures"), &entry);
  for (size_t index = 0; index < failures; index += 1, entry = msgpack_after(entry)) {
    failures_.push_back({file.file, Text(msgpack_field(entry, "message"))});
  }
  const size_t handlers = msgpack_array(msgpack_field(hello, "handlers"), &entry);
  for (size_t index = 0; index < handlers; index += 1, entry = msgpack_after(entry)) {
    if (!TakeHandler(entry, file)) failures_.push_back({file.file, file.path + " announces a handler that is none"});
  }
}

// The map of a handler with this guest's file and root; false when it is none.
bool LibrarySet::TakeHandler(bytes handler, const LibraryFile& file) {
  constexpr size_t kFieldsMax = 15;
  const std::string callable = Text(msgpack_field(handler, "callable"));
  bytes field = {};
  const size_t fields = msgpack_map(handler, &field);
  if (callable.empty() || fields == 0 || fields > kFieldsMax) return false;
  const std::string place = file.root + "/" + file.file;
  const auto [owner, is_first] = owners_.emplace(callable, place);
  if (!is_first) {
    failures_.push_back({file.file, callable + " is declared twice: in " + owner->second + " and in " + place + "; rename one."});
    return true;
  }
  writer out = {};
  write_map(&out, static_cast<unsigned>(fields));
  for (size_t index = 0; index < fields; index += 1) {
    const std::string key = Text(field);
    const bytes value = msgpack_after(field);
    const bytes next = msgpack_after(value);
    if (value.at == nullptr || next.at == nullptr) {
      free(out.data);
      return false;
    }
    if (key == "file" || key == "root") {
      WriteText(&out, key.c_str(), key == "file" ? file.file : file.root);
    } else {
      write_raw(&out, field.at, static_cast<size_t>(next.at - field.at));
    }
    field = next;
  }
  handlers_.emplace_back(out.data, out.data + out.length);
  free(out.data);
  routes_[callable] = libraries_.size() - 1;
  bytes alias = {};
  const size_t aliases = msgpack_array(msgpack_field(handler, "aliases"), &alias);
  for (size_t index = 0; index < aliases; index += 1, alias = msgpack_after(alias)) {
    routes_.emplace(Text(alias), libraries_.size() - 1);
  }
  return true;
}

const HandlerLibrary* LibrarySet::Find(const std::string& callable) const {
  const auto found = routes_.find(callable);
  return found == routes_.end() ? nullptr : &libraries_[found->second];
}

void LibrarySet::Announce(Wire* wire, uint32_t max_in_flight) const {
  Message hello(10, "hello");
  writer* out = hello.out();
  write_string(out, "protocol"), write_int(out, 2);
  WriteText(out, "runtime", "rust");
  WriteText(out, "sdk_version", sdk_version_);
  WriteText(out, "language_version", language_version_);
  write_string(out, "pid"), write_int(out, static_cast<uint32_t>(getpid()));
  write_string(out, "watch"), write_bool(out, true);
  write_string(out, "max_in_flight"), write_int(out, max_in_flight);
  write_string(out, "handlers"), write_array(out, static_cast<unsigned>(handlers_.size()));
  for (const std::vector<uint8_t>& handler : handlers_) write_raw(out, handler.data(), handler.size());
  write_string(out, "load_failures"), write_array(out, static_cast<unsigned>(failures_.size()));
  for (const LoadFailure& failure : failures_) {
    write_map(out, 2);
    WriteText(out, "file", failure.file);
    WriteText(out, "message", failure.message);
  }
  wire->Send(hello.content());
}

}  // namespace stephost
