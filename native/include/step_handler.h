/* The C ABI between the host and a library of step handlers; native/README.md explains it on one page. */
#ifndef STEPHOST_STEP_HANDLER_H
#define STEPHOST_STEP_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a field changes its meaning. New function pointers are appended instead and raise `struct_size` only. */
#define STEPHOST_HANDLER_ABI_VERSION 1u
/* sizeof(stephost_handler_table) of this version; asserted in C++ and in Rust, because both sides spell the struct out. */
#define STEPHOST_HANDLER_TABLE_SIZE 40u
#define STEPHOST_HANDLER_SYMBOL "stephost_handler_library"

/* What every function that can fail returns. A failing handler is STEPHOST_OK: its failure is inside the result message. */
typedef int32_t stephost_code;
#define STEPHOST_OK 0
#define STEPHOST_NULL_POINTER 1 /* a pointer that must not be NULL was NULL */
#define STEPHOST_BAD_MESSAGE 2  /* the bytes are not the message that the function takes */
#define STEPHOST_NO_SUCH_CALL 3 /* cancel: no call of that id is running (not begun yet, or over) */
#define STEPHOST_INTERNAL 4     /* a defect of the library, caught at its wall */

/* Bytes that the library allocated. The host reads data[0 … length) and gives the buffer back to `free`, unchanged, once. */
typedef struct stephost_buffer {
  const uint8_t *data;
  size_t length;
  uintptr_t owner; /* the library's own note for `free`; the host never looks at it */
} stephost_buffer;

typedef struct stephost_handler_table {
  uint32_t abi_version; /* STEPHOST_HANDLER_ABI_VERSION of the library */
  uint32_t struct_size; /* sizeof(stephost_handler_table) of the library */

  /* Writes one wire `hello` message. Called once, before any other function, on the thread that loads the library. */
  stephost_code (*list)(stephost_buffer *out);

  /* Takes one wire `execute` message and writes its `result` message. Blocks until the handler is done.
   * Called from several threads at once. `message` stays valid and unchanged until the function returns. */
  stephost_code (*execute)(const uint8_t *message, size_t length, stephost_buffer *out);

  /* Takes one wire `cancel` message and asks the handler of that call to stop. Must return at once; any thread, any time. */
  stephost_code (*cancel)(const uint8_t *message, size_t length);

  /* Releases what `list` or `execute` wrote. Any thread. Neither NULL nor an empty buffer is an error. */
  void (*free)(const stephost_buffer *buffer);
} stephost_handler_table;

/* The one symbol that a library exports. The table lives as long as the process: the host never unloads a library. */
const stephost_handler_table *stephost_handler_library(void);

#ifdef __cplusplus
}
#endif

#endif
