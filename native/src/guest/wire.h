// The guest's end of the wire (PROTOCOL.md §1, §2): frames in on one thread, frames out from any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "msgpack.h"

namespace stephost {

// A violation of the wire by the host; `code` is a word of PROTOCOL.md §4.
class WireViolation : public std::runtime_error {
 public:
  WireViolation(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// Puts one message together; the buffer is its own.
class Message {
 public:
  Message(unsigned fields, const char* type);
  ~Message();
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  writer* out() { return &out_; }
  bytes content() const { return {out_.data, out_.data + out_.length}; }

 private:
  writer out_ = {};
};

// A field whose value is a text.
void WriteText(writer* out, const char* key, const std::string& value);

class Wire {
 public:
  Wire(int descriptor, size_t frame_bytes_max) : descriptor_(descriptor), frame_bytes_max_(frame_bytes_max) {}

  size_t frame_bytes_max() const { return frame_bytes_max_; }
  // Any thread. False when the frame is larger than frames may be, and then nothing is sent.
  bool Send(bytes payload);
  // Hands over the frames that come within `wait`. False at the end of the wire. Throws WireViolation.
  bool Receive(std::chrono::milliseconds wait, const std::function<void(bytes)>& take);

 private:
  void WriteAll(const uint8_t* at, size_t length);

  const int descriptor_;
  const size_t frame_bytes_max_;
  std::mutex sending_;
  std::vector<uint8_t> outgoing_;
  std::vector<uint8_t> received_;
};

}  // namespace stephost
