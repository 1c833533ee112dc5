// Frames over one stream socket; a write that fails means that the host is gone, and then so is the guest.
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stephost {
namespace {

constexpr size_t kHeader = 4;
constexpr size_t kReadAtOnce = 64 * 1024;

void AwaitReady(int descriptor, short events) {
  pollfd ready = {descriptor, events, 0};
  poll(&ready, 1, -1);
}

}  // namespace

Message::Message(unsigned fields, const char* type) {
  write_map(&out_, fields);
  write_string(&out_, "type");
  write_string(&out_, type);
}

void WriteText(writer* out, const char* key, const std::string& value) {
  const auto* at = reinterpret_cast<const uint8_t*>(value.data());
  write_string(out, key);
  write_slice(out, {at, at + value.size()});
}

Message::~Message() { free(out_.data); }

void Wire::WriteAll(const uint8_t* at, size_t length) {
  while (length > 0) {
    const ssize_t written = send(descriptor_, at, length, MSG_NOSIGNAL);
    if (written >= 0) {
      at += written;
      length -= static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      AwaitReady(descriptor_, POLLOUT);
    } else if (errno != EINTR) {
      _exit(0);
    }
  }
}

bool Wire::Send(bytes payload) {
  const auto length = static_cast<size_t>(payload.end - payload.at);
  if (length == 0 || length > frame_bytes_max_) return false;
  std::lock_guard<std::mutex> lock(sending_);
  outgoing_.clear();
  for (int shift = 24; shift >= 0; shift -= 8) outgoing_.push_back(static_cast<uint8_t>(length >> shift));
  outgoing_.insert(outgoing_.end(), payload.at, payload.end);
  WriteAll(outgoing_.data(), outgoing_.size());
  return true;
}

bool Wire::Receive(std::chrono::milliseconds wait, const std::function<void(bytes)>& take) {
  pollfd ready = {descriptor_, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(wait.count())) <= 0) return true;
  const size_t before = received_.size();
  received_.resize(before + kReadAtOnce);
  const ssize_t count = recv(descriptor_, received_.data() + before, kReadAtOnce, MSG_DONTWAIT);
  received_.resize(before + static_cast<size_t>(count > 0 ? count : 0));
  if (count == 0) return false;
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  size_t start = 0;
  while (received_.size() - start >= kHeader) {
    size_t length = 0;
    for (size_t index = 0; index < kHeader; index += 1) length = length << 8 | received_[start + index];
    if (length == 0) throw WireViolation("frame_empty", "A frame has no content.");
    if (length > frame_bytes_max_) {
      throw WireViolation("frame_too_large", "A frame has " + std::to_string(length) + " bytes, at most " +
                                                 std::to_string(frame_bytes_max_) + " are allowed.");
    }
    if (received_.size() - start - kHeader < length) break;
    const uint8_t* content = received_.data() + start + kHeader;
    take({content, content + length});
    start += kHeader + length;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<ptrdiff_t>(start));
  return true;
}

}  // namespace stephost
