/* The C ABI between the host and a library of step handlers; native/README.md explains it on one page. */
#ifndef STEPHOST_STEP_HANDLER_H
#define STEPHOST_STEP_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a field changes its meaning. New function pointers are appended instead and raise the size only. */
#define STEPHOST_HANDLER_ABI_VERSION 2u
/* Sizes of this version's structs; asserted in C++ and in Rust, because both sides spell them out. */
#define STEPHOST_HANDLER_TABLE_SIZE 40u
#define STEPHOST_HOST_SIZE 40u
#define STEPHOST_HANDLER_SYMBOL "stephost_handler_library"

/* What every function that can fail returns. A failing handler is STEPHOST_OK: its failure is inside the result message. */
typedef int32_t stephost_code;
#define STEPHOST_OK 0
#define STEPHOST_NULL_POINTER 1 /* a pointer that must not be NULL was NULL */
#define STEPHOST_BAD_MESSAGE 2  /* the bytes are not the message that the function takes */
#define STEPHOST_NO_SUCH_CALL 3 /* no call of that id is running (not begun yet, or over) */
#define STEPHOST_INTERNAL 4     /* a defect of the library, caught at its wall */
#define STEPHOST_CLOSED 5       /* the host has stopped: nobody takes the message any more */
#define STEPHOST_FULL 6         /* too many messages of libraries wait in the host: this one is not taken */

/* Bytes that one side allocated. The other reads data[0 … length) and gives the buffer back, unchanged, once. */
typedef struct stephost_buffer {
  const uint8_t *data;
  size_t length;
  uintptr_t owner; /* the allocating side's own note for its `free` */
} stephost_buffer;

/* What a library may ask of the host. Lives as long as the process, also when the host has stopped. */
typedef struct stephost_host {
  uint32_t abi_version; /* STEPHOST_HANDLER_ABI_VERSION of the host */
  uint32_t struct_size; /* sizeof(stephost_host) of the host */
  void *user_data;      /* the host's own; the first argument of its functions */

  /* Takes one wire `log` message and returns at once. Any thread, any time. */
  stephost_code (*send)(void *user_data, const uint8_t *message, size_t length);

  /* Takes one wire `checkpoint` message, blocks until it is stored or refused, and writes the `checkpointed` message.
   * Any thread, while the `execute` of that call has not returned. */
  stephost_code (*ask)(void *user_data, const uint8_t *message, size_t length, stephost_buffer *out);

  /* Releases what `ask` wrote. Any thread. Neither NULL nor an empty buffer is an error. */
  void (*free)(const stephost_buffer *buffer);
} stephost_host;

typedef struct stephost_handler_table {
  uint32_t abi_version; /* STEPHOST_HANDLER_ABI_VERSION of the library */
  uint32_t struct_size; /* sizeof(stephost_handler_table) of the library */

  /* Writes one wire `hello` message. Called by each host in the process before its other calls, on the thread that loads. */
  stephost_code (*list)(stephost_buffer *out);

  /* Takes one wire `execute` message and writes its `result` message. Blocks until the handler is done.
   * Called from several threads at once. `message` stays valid and unchanged until the function returns. */
  stephost_code (*execute)(const stephost_host *host, const uint8_t *message, size_t length, stephost_buffer *out);

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
