// One loaded library of step handlers: the checked function table and the buffers that it hands out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "step_handler.h"

namespace stephost {

// Why a library was refused; `code` is a word of LibraryErrorCode in src/adapters/native/addon.ts.
class LibraryError : public std::runtime_error {
 public:
  LibraryError(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// Owns one buffer of a library and gives it back exactly once.
class LibraryBuffer {
 public:
  LibraryBuffer() = default;
  LibraryBuffer(const stephost_handler_table* table, stephost_buffer buffer) : table_(table), buffer_(buffer) {}
  LibraryBuffer(LibraryBuffer&& other) noexcept;
  LibraryBuffer& operator=(LibraryBuffer&& other) noexcept;
  LibraryBuffer(const LibraryBuffer&) = delete;
  LibraryBuffer& operator=(const LibraryBuffer&) = delete;
  ~LibraryBuffer();

  const uint8_t* data() const { return buffer_.data; }
  size_t length() const { return buffer_.length; }

 private:
  const stephost_handler_table* table_ = nullptr;
  stephost_buffer buffer_ = {nullptr, 0, 0};
};

// What a call into a library gave: `buffer` is filled only with STEPHOST_OK.
struct LibraryAnswer {
  stephost_code code = STEPHOST_OK;
  LibraryBuffer buffer;
};

// Codes that the host adds to those of step_handler.h, for answers that break the ABI.
constexpr stephost_code kThrew = -1;
constexpr stephost_code kNullOutput = -2;
constexpr stephost_code kOutputTooLarge = -3;

class HandlerLibrary {
 public:
  // Opens the library and checks its table; throws LibraryError, which speaks of `name`: the path may be that of a copy.
  // A library is never closed: unloading Rust code is unsound.
  static HandlerLibrary Load(const std::string& path, const std::string& name);

  LibraryAnswer List(size_t bytes_max) const;
  LibraryAnswer Execute(const stephost_host* host, const uint8_t* message, size_t length, size_t bytes_max) const;
  stephost_code Cancel(const uint8_t* message, size_t length) const;
  const std::string& name() const { return *name_; }

 private:
  HandlerLibrary(const stephost_handler_table* table, const std::string& name)
      : table_(table), name_(std::make_shared<const std::string>(name)) {}

  const stephost_handler_table* table_;
  std::shared_ptr<const std::string> name_;
};

}  // namespace stephost
