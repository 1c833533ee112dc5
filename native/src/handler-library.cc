// Loads a library of step handlers and calls through its table; nothing that a library answers is trusted.
#include "handler-library.h"

#include <dlfcn.h>

#include <utility>

static_assert(sizeof(stephost_handler_table) == STEPHOST_HANDLER_TABLE_SIZE, "the table's size is part of the ABI");
static_assert(offsetof(stephost_handler_table, list) == 8, "version and size come first, in every version of the ABI");
static_assert(sizeof(stephost_host) == STEPHOST_HOST_SIZE, "the host's size is part of the ABI");
static_assert(sizeof(stephost_buffer) == 24, "the buffer's size is part of the ABI");

namespace stephost {
namespace {

void CheckTable(const stephost_handler_table* table, const std::string& path) {
  if (table == nullptr) {
    throw LibraryError("TABLE_INVALID", path + ": " STEPHOST_HANDLER_SYMBOL "() returned NULL");
  }
  if (table->abi_version != STEPHOST_HANDLER_ABI_VERSION) {
    throw LibraryError("ABI_VERSION", path + " was built for ABI version " + std::to_string(table->abi_version) +
                                          ", this host speaks " + std::to_string(STEPHOST_HANDLER_ABI_VERSION) +
                                          "; rebuild it with the SDK of this stephost");
  }
  // A larger table comes from a newer SDK of the same version: what this host knows is its beginning.
  if (table->struct_size < sizeof(stephost_handler_table)) {
    throw LibraryError("ABI_SIZE", path + " has a function table of " + std::to_string(table->struct_size) +
                                       " bytes, " + std::to_string(sizeof(stephost_handler_table)) +
                                       " are needed; rebuild it with the SDK of this stephost");
  }
  if (table->list == nullptr || table->execute == nullptr || table->cancel == nullptr || table->free == nullptr) {
    throw LibraryError("TABLE_INVALID", path + " has a NULL function in its table");
  }
}

// C++ code behind the ABI must not throw; if it does, the call fails instead of the process.
template <typename Call>
LibraryAnswer Answer(const stephost_handler_table* table, size_t bytes_max, Call call) {
  stephost_buffer out = {nullptr, 0, 0};
  LibraryAnswer answer;
  try {
    answer.code = call(&out);
  } catch (...) {
    answer.code = kThrew;
  }
  if (answer.code != STEPHOST_OK) return answer;
  if (out.data == nullptr || out.length == 0) {
    answer.code = kNullOutput;
    return answer;
  }
  answer.buffer = LibraryBuffer(table, out);
  if (out.length > bytes_max) {
    answer.code = kOutputTooLarge;
    answer.buffer = LibraryBuffer();
  }
  return answer;
}

}  // namespace

LibraryBuffer::LibraryBuffer(LibraryBuffer&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), buffer_(other.buffer_) {}

LibraryBuffer& LibraryBuffer::operator=(LibraryBuffer&& other) noexcept {
  std::swap(table_, other.table_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

LibraryBuffer::~LibraryBuffer() {
  if (table_ != nullptr) table_->free(&buffer_);
}

HandlerLibrary HandlerLibrary::Load(const std::string& path, const std::string& name) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    throw LibraryError("LIBRARY_UNLOADABLE", reason == nullptr ? name + " cannot be loaded" : reason);
  }
  using Entry = const stephost_handler_table* (*)();
  auto entry = reinterpret_cast<Entry>(dlsym(handle, STEPHOST_HANDLER_SYMBOL));
  if (entry == nullptr) {
    throw LibraryError("SYMBOL_MISSING", name + " does not export " STEPHOST_HANDLER_SYMBOL);
  }
  const stephost_handler_table* table = entry();
  CheckTable(table, name);
  return HandlerLibrary(table, name);
}

LibraryAnswer HandlerLibrary::List(size_t bytes_max) const {
  return Answer(table_, bytes_max, [this](stephost_buffer* out) { return table_->list(out); });
}

LibraryAnswer HandlerLibrary::Execute(const stephost_host* host, const uint8_t* message, size_t length,
                                      size_t bytes_max) const {
  return Answer(table_, bytes_max, [&](stephost_buffer* out) { return table_->execute(host, message, length, out); });
}

stephost_code HandlerLibrary::Cancel(const uint8_t* message, size_t length) const {
  try {
    return table_->cancel(message, length);
  } catch (...) {
    return kThrew;
  }
}

}  // namespace stephost
