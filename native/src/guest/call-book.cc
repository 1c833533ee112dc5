// Passes calls to libraries and their answers to the wire; the envelopes are the same, so neither is translated.
#include "call-book.h"

#include <time.h>

#include <utility>

namespace stephost {
namespace {

std::string Text(bytes value) {
  const bytes content = msgpack_string(value);
  if (content.at == nullptr) throw WireViolation("bad_message", "A text is missing.");
  return std::string(reinterpret_cast<const char*>(content.at), static_cast<size_t>(content.end - content.at));
}

uint64_t Natural(bytes value) {
  uint64_t number = 0;
  if (!msgpack_natural(value, &number)) throw WireViolation("bad_message", "A number is missing.");
  return number;
}

std::vector<uint8_t> Copy(bytes message) { return std::vector<uint8_t>(message.at, message.end); }

// `accepted` and `started` of one call.
void SendCallId(Wire* wire, const char* type, const std::string& id) {
  Message message(2, type);
  write_string(message.out(), "call_ids"), write_array(message.out(), 1);
  const auto* at = reinterpret_cast<const uint8_t*>(id.data());
  write_slice(message.out(), {at, at + id.size()});
  wire->Send(message.content());
}

std::string QuestionKey(bytes message) {
  return Text(msgpack_field(message, "call_id")) + "/" +
         std::to_string(Natural(msgpack_field(message, "checkpoint_id")));
}

const char* CodeMessage(stephost_code code) {
  switch (code) {
    case kOutputTooLarge:
      return "The handler's result is larger than a message may be.";
    case kThrew:
      return "The library let an exception cross its C interface.";
    case kNullOutput:
      return "The library reported success without an answer.";
    case STEPHOST_BAD_MESSAGE:
      return "The library did not understand the call; rebuild it with the SDK of this stephost.";
    default:
      return "The library could not run the call.";
  }
}

}  // namespace

CallBook::CallBook(Wire* wire, const LibrarySet* libraries, GuestLimits limits)
    : wire_(wire),
      libraries_(libraries),
      limits_(limits),
      services_(HostServices::Make([this](HostServices::Kind kind, uint64_t ask, std::vector<uint8_t> message) {
        return Said(kind, ask, std::move(message));
      })) {
  PoolEvents events;
  events.finished = [this](Completion completion) { Finished(std::move(completion)); };
  events.begun = [this](const Job& job) {
    Begun(job.ticket);
    return nullptr;
  };
  // A thread that is lost costs the whole guest: the host ends it.
  const PoolLimits pool_limits = {limits.threads, limits.max_in_flight, 0, wire->frame_bytes_max()};
  pool_ = std::make_unique<ThreadPool>(pool_limits, std::move(events));
}

void CallBook::Execute(bytes message) {
  Call call = {};
  call.id = Text(msgpack_field(message, "call_id"));
  const std::string callable = Text(msgpack_field(message, "callable"));
  bytes request = {};
  const size_t requests = msgpack_array(msgpack_field(message, "requests"), &request);
  for (size_t index = 0; index < requests; index += 1, request = msgpack_after(request)) {
    call.steps.push_back(Text(msgpack_field(request, "step_uuid")));
  }
  if (call.steps.empty()) throw WireViolation("bad_message", "An execute has no requests.");
  call.library = libraries_->Find(callable);
  if (call.library == nullptr) {
    return Fail(call, "handler_not_found", false, "No native library has a handler named " + callable + ".");
  }
  Job job = {0, *call.library, services_->host(), Copy(message)};
  std::unique_lock<std::mutex> lock(mutex_);
  if (calls_.size() >= limits_.max_in_flight) {
    throw WireViolation("unexpected_message", "More calls came than max_in_flight allows.");
  }
  // Every call before it that has a thread or will get one.
  call.waits = calls_.size() >= limits_.threads;
  job.ticket = ++last_ticket_;
  tickets_[call.id] = job.ticket;
  if (call.waits) SendCallId(wire_, "accepted", call.id);
  const uint64_t ticket = job.ticket;
  calls_.emplace(ticket, std::move(call));
  lock.unlock();
  if (pool_->Submit(std::move(job))) return;
  lock.lock();
  const Call refused = std::move(calls_.at(ticket));
  calls_.erase(ticket);
  tickets_.erase(refused.id);
  lock.unlock();
  Fail(refused, "handler_error", true, "The machine has no thread left for another call.");
}

void CallBook::Begun(uint64_t ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = calls_.find(ticket);
  if (found == calls_.end()) return;
  SendCallId(wire_, "started", found->second.id);
}

void CallBook::Finished(Completion completion) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto found = calls_.find(completion.ticket);
  if (found == calls_.end()) return;
  const Call call = std::move(found->second);
  calls_.erase(found);
  tickets_.erase(call.id);
  lock.unlock();
  // What a library prints through C's buffer comes before its result.
  fflush(stdout);
  const LibraryAnswer& answer = completion.answer;
  if (answer.code == STEPHOST_OK) {
    wire_->Send({answer.buffer.data(), answer.buffer.data() + answer.buffer.length()});
  } else {
    const bool too_large = answer.code == kOutputTooLarge;
    Fail(call, too_large ? "invalid_result" : "handler_error", false, CodeMessage(answer.code));
  }
}

void CallBook::Cancel(bytes message) {
  const std::string id = Text(msgpack_field(message, "call_id"));
  std::unique_lock<std::mutex> lock(mutex_);
  const auto ticket = tickets_.find(id);
  if (ticket == tickets_.end()) return;
  // One that only has not reached its thread yet is started first, and told then.
  const bool waits = calls_.at(ticket->second).waits;
  if (waits && pool_->Abandon(ticket->second, AbandonOnly::kWaiting) == Abandonment::kWithdrawn) {
    const Call call = std::move(calls_.at(ticket->second));
    calls_.erase(ticket->second);
    tickets_.erase(ticket);
    lock.unlock();
    return Fail(call, "cancelled", true, "The call was cancelled while it waited for a thread.");
  }
  calls_.at(ticket->second).cancel = Copy(message);
  lock.unlock();
  RepeatCancels();
}

bool CallBook::RepeatCancels() {
  std::lock_guard<std::mutex> lock(mutex_);
  bool untold = false;
  for (auto& [ticket, call] : calls_) {
    if (call.cancel.empty()) continue;
    if (call.library->Cancel(call.cancel.data(), call.cancel.size()) == STEPHOST_NO_SUCH_CALL) {
      untold = true;
    } else {
      call.cancel.clear();
    }
  }
  return untold;
}

void CallBook::Checkpointed(bytes message) {
  uint64_t ask = 0;
  {
    std::lock_guard<std::mutex> lock(speaking_);
    const auto question = questions_.find(QuestionKey(message));
    if (question == questions_.end()) return;
    ask = question->second;
    questions_.erase(question);
  }
  services_->Answer(ask, Copy(message));
}

// On a thread of a library.
stephost_code CallBook::Said(HostServices::Kind kind, uint64_t ask, std::vector<uint8_t> message) {
  const bytes content = {message.data(), message.data() + message.size()};
  const bool is_question = kind == HostServices::Kind::kAsk;
  const bytes type = msgpack_string(msgpack_field(content, "type"));
  const std::string expected = is_question ? "checkpoint" : "log";
  const bool fits = type.at != nullptr && std::string(type.at, type.end) == expected;
  if (!fits) return STEPHOST_BAD_MESSAGE;
  try {
    std::lock_guard<std::mutex> lock(speaking_);
    if (is_question) {
      questions_[QuestionKey(content)] = ask;
    } else if (!MaySpeak()) {
      return STEPHOST_FULL;
    }
  } catch (const WireViolation&) {
    return STEPHOST_BAD_MESSAGE;
  }
  return wire_->Send(content) ? STEPHOST_OK : STEPHOST_FULL;
}

// Counts a line; false when this second has had enough. The first line of the next second says how many were dropped.
bool CallBook::MaySpeak() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec != second_) {
    second_ = now.tv_sec;
    lines_ = 0;
    if (dropped_ > 0) {
      Message log(6, "log");
      write_string(log.out(), "step_uuid"), write_raw(log.out(), reinterpret_cast<const uint8_t*>("\xc0"), 1);
      write_string(log.out(), "stream"), write_string(log.out(), "log");
      write_string(log.out(), "level"), write_string(log.out(), "warn");
      WriteText(log.out(), "message", std::to_string(dropped_) + " log lines of one second were dropped");
      write_string(log.out(), "fields"), write_raw(log.out(), reinterpret_cast<const uint8_t*>("\xc0"), 1);
      wire_->Send(log.content());
      dropped_ = 0;
    }
  }
  if (lines_ >= limits_.log_lines_per_second) {
    dropped_ += 1;
    return false;
  }
  lines_ += 1;
  return true;
}

void CallBook::Heartbeat() {
  const size_t count = in_flight();
  if (count == 0) return;
  Message heartbeat(2, "heartbeat");
  write_string(heartbeat.out(), "in_flight"), write_int(heartbeat.out(), static_cast<uint32_t>(count));
  wire_->Send(heartbeat.content());
}

size_t CallBook::in_flight() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return calls_.size();
}

void CallBook::Fail(const Call& call, const char* error_type, bool retryable, const std::string& message) {
  Message result(3, "result");
  writer* out = result.out();
  WriteText(out, "call_id", call.id);
  write_string(out, "results"), write_array(out, static_cast<unsigned>(call.steps.size()));
  for (const std::string& step : call.steps) {
    write_map(out, 5);
    WriteText(out, "step_uuid", step);
    write_string(out, "success"), write_bool(out, false);
    write_string(out, "execution_time_ms"), write_int(out, 0);
    write_string(out, "metadata"), write_string(out, "{}");
    write_string(out, "error"), write_map(out, 5);
    WriteText(out, "message", message);
    write_string(out, "error_type"), write_string(out, error_type);
    write_string(out, "retryable"), write_bool(out, retryable);
    write_string(out, "backtrace"), write_array(out, 0);
    write_string(out, "context"), write_string(out, "{}");
  }
  wire_->Send(result.content());
}

}  // namespace stephost
