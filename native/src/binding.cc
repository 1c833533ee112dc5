// Translates between JavaScript and the thread pool, and does nothing else; src/adapters/native/addon.ts holds its types.
#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "completion-queue.h"
#include "crash-journal.h"
#include "handler-library.h"
#include "host-services.h"
#include "thread-pool.h"

namespace stephost {
namespace {

size_t Limit(const Napi::Object& options, const char* name) {
  Napi::Value value = options.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 9007199254740991.0)) {
    throw Napi::TypeError::New(options.Env(), std::string(name) + " must be a whole number of at least 0");
  }
  return static_cast<size_t>(number);
}

Napi::Uint8Array Bytes(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsTypedArray() || info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(info.Env(), "a message must be a Uint8Array");
  }
  return info[index].As<Napi::Uint8Array>();
}

uint64_t Ticket(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "a ticket must be a number");
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

}  // namespace

// One pool of threads and the libraries that were loaded through it. Each environment makes its own; nothing is shared.
class HandlerHost : public Napi::ObjectWrap<HandlerHost> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "HandlerHost",
                       {InstanceMethod<&HandlerHost::Load>("load"), InstanceMethod<&HandlerHost::Execute>("execute"),
                        InstanceMethod<&HandlerHost::Cancel>("cancel"), InstanceMethod<&HandlerHost::Answer>("answer"),
                        InstanceMethod<&HandlerHost::Abandon>("abandon"),
                        InstanceMethod<&HandlerHost::AbandonedThreads>("abandonedThreads"),
                        InstanceMethod<&HandlerHost::Close>("close")});
  }

  explicit HandlerHost(const Napi::CallbackInfo& info) : Napi::ObjectWrap<HandlerHost>(info) {
    if (!info[0].IsObject() || !info[1].IsFunction()) {
      throw Napi::TypeError::New(info.Env(), "HandlerHost takes its limits and a function");
    }
    const Napi::Object options = info[0].As<Napi::Object>();
    answer_bytes_max_ = Limit(options, "answerBytesMax");
    const PoolLimits limits = {Limit(options, "threads"), Limit(options, "queueMax"),
                               Limit(options, "abandonedThreadsMax"), answer_bytes_max_};
    const size_t waiting_bytes_max = Limit(options, "waitingBytesMax");
    queue_ = std::make_shared<CompletionQueue>(info.Env(), info[1].As<Napi::Function>(), waiting_bytes_max);
    if (options.Get("journalDirectory").IsString()) {
      journal_ = CrashJournal::Open(options.Get("journalDirectory").As<Napi::String>().Utf8Value(),
                                    limits.threads + limits.abandoned_max);
    }
    services_ = HostServices::Make([queue = queue_](HostServices::Kind kind, uint64_t ask, std::vector<uint8_t> message) {
      const EntryKind entry = kind == HostServices::Kind::kAsk ? EntryKind::kQuestion : EntryKind::kMessage;
      return queue->Push(entry, ask, std::move(message));
    });
    // Threads hold the queue, not this object: they may outlive it.
    PoolEvents events;
    events.begun = [journal = journal_](const Job& job) { return CrashJournal::Note(journal, job); };
    events.finished = [queue = queue_](Completion completion) { queue->Push(std::move(completion)); };
    pool_ = std::make_unique<ThreadPool>(limits, std::move(events));
    // Runs before the environment closes the thread-safe function, because hooks run last in, first out.
    napi_add_env_cleanup_hook(info.Env(), &HandlerHost::EnvironmentEnds, this);
  }

  ~HandlerHost() override { Shut(Env()); }

 private:
  static void EnvironmentEnds(void* data) {
    auto* host = static_cast<HandlerHost*>(data);
    host->hooked_ = false;
    host->Shut(host->Env());
  }

  void Shut(Napi::Env env) {
    if (hooked_) napi_remove_env_cleanup_hook(env, &HandlerHost::EnvironmentEnds, this);
    hooked_ = false;
    if (pool_ == nullptr || closed_) return;
    closed_ = true;
    // First the libraries: one that waits for an answer would keep its thread.
    services_->Close();
    queue_->Close(env);
    pool_->Close();
    if (journal_ != nullptr) journal_->Finish();
  }

  const HandlerLibrary& Library(const Napi::Value& value) const {
    const double index = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(index >= 0 && index < static_cast<double>(libraries_.size()))) {
      throw Napi::TypeError::New(value.Env(), "no such library");
    }
    return libraries_[static_cast<size_t>(index)];
  }

  // load(path, name) → {library, code, hello}
  Napi::Value Load(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!info[0].IsString() || !info[1].IsString()) throw Napi::TypeError::New(env, "load takes a path and a name");
    try {
      const HandlerLibrary library = HandlerLibrary::Load(info[0].As<Napi::String>(), info[1].As<Napi::String>());
      const LibraryAnswer answer = library.List(answer_bytes_max_);
      Napi::Object loaded = Napi::Object::New(env);
      loaded["library"] = static_cast<double>(libraries_.size());
      loaded["code"] = answer.code;
      loaded["hello"] = answer.code == STEPHOST_OK
                            ? Napi::Buffer<uint8_t>::Copy(env, answer.buffer.data(), answer.buffer.length())
                            : env.Null();
      libraries_.push_back(library);
      return loaded;
    } catch (const LibraryError& problem) {
      Napi::Error error = Napi::Error::New(env, problem.what());
      error.Set("code", Napi::String::New(env, problem.code()));
      throw error;
    }
  }

  // execute(library, ticket, message) → whether the pool took it
  Napi::Value Execute(const Napi::CallbackInfo& info) {
    const HandlerLibrary& library = Library(info[0]);
    const Napi::Uint8Array bytes = Bytes(info, 2);
    // Copied once: the thread must not read memory that the JavaScript heap may move or free.
    Job job = {Ticket(info[1]), library, services_->host(),
               std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength())};
    const bool taken = !closed_ && pool_->Submit(std::move(job));
    if (taken) queue_->CallOpened(info.Env());
    return Napi::Boolean::New(info.Env(), taken);
  }

  // cancel(library, message) → code of step_handler.h
  Napi::Value Cancel(const Napi::CallbackInfo& info) {
    const Napi::Uint8Array bytes = Bytes(info, 1);
    return Napi::Number::New(info.Env(), Library(info[0]).Cancel(bytes.Data(), bytes.ByteLength()));
  }

  // answer(question, message) → whether a library waited for it
  Napi::Value Answer(const Napi::CallbackInfo& info) {
    const Napi::Uint8Array bytes = Bytes(info, 1);
    std::vector<uint8_t> message(bytes.Data(), bytes.Data() + bytes.ByteLength());
    return Napi::Boolean::New(info.Env(), services_->Answer(Ticket(info[0]), std::move(message)));
  }

  // abandon(ticket) → 'unknown' | 'withdrawn' | 'abandoned'
  Napi::Value Abandon(const Napi::CallbackInfo& info) {
    const Abandonment outcome = pool_->Abandon(Ticket(info[0]));
    if (outcome != Abandonment::kUnknown && !closed_) queue_->CallClosed(info.Env());
    const char* word = outcome == Abandonment::kUnknown     ? "unknown"
                       : outcome == Abandonment::kWithdrawn ? "withdrawn"
                                                            : "abandoned";
    return Napi::String::New(info.Env(), word);
  }

  Napi::Value AbandonedThreads(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(pool_->abandoned()));
  }

  void Close(const Napi::CallbackInfo& info) { Shut(info.Env()); }

  size_t answer_bytes_max_ = 0;
  bool closed_ = false;
  bool hooked_ = true;
  std::shared_ptr<CompletionQueue> queue_;
  std::shared_ptr<CrashJournal> journal_;
  HostServices* services_ = nullptr;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<HandlerLibrary> libraries_;
};

// collectCrashes(directory) → [{signal, library, callable, step}]
Napi::Value CollectCrashes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) throw Napi::TypeError::New(env, "collectCrashes takes a directory");
  const std::vector<CrashNote> notes = CrashJournal::Collect(info[0].As<Napi::String>().Utf8Value());
  Napi::Array list = Napi::Array::New(env, notes.size());
  for (size_t index = 0; index < notes.size(); index += 1) {
    const CrashNote& note = notes[index];
    Napi::Object entry = Napi::Object::New(env);
    entry["signal"] = note.signal;
    entry["library"] = note.library;
    entry["callable"] = note.callable;
    entry["step"] = note.step;
    list[static_cast<uint32_t>(index)] = entry;
  }
  return list;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["abiVersion"] = static_cast<double>(STEPHOST_HANDLER_ABI_VERSION);
  exports["collectCrashes"] = Napi::Function::New(env, CollectCrashes);
  exports["HandlerHost"] = HandlerHost::Define(env);
  return exports;
}

}  // namespace stephost

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return stephost::Init(env, exports); }
NODE_API_MODULE(stephost_native, InitAddon)
