/* As much msgpack as C needs here: find values in a message, and write maps of strings, integers and booleans. */
#ifndef STEPHOST_MSGPACK_H
#define STEPHOST_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bytes {
  const uint8_t *at;
  const uint8_t *end;
} bytes;

/* The value of `key` in the map at `map`, as a slice that starts at the value. Empty when it is missing or malformed. */
bytes msgpack_field(bytes map, const char *key);
/* The first element of an array; empty when there is none. */
bytes msgpack_first(bytes array);
/* The content of a string; empty when the value is none. */
bytes msgpack_string(bytes value);
/* What follows a value; empty when it is malformed. Together with the value's start: its whole extent. */
bytes msgpack_after(bytes value);
/* The number of entries of an array, and its first in `first`; 0 when it is none. */
size_t msgpack_array(bytes value, bytes *first);
/* The same for the keys and values of a map, which follow each other; the number counts pairs. */
size_t msgpack_map(bytes value, bytes *first);
/* A whole number of at least 0; false when the value is none. */
bool msgpack_natural(bytes value, uint64_t *out);

/* A buffer that grows; `failed` is set when memory ran out, and nothing is written from then on. */
typedef struct writer {
  uint8_t *data;
  size_t length;
  size_t capacity;
  bool failed;
} writer;

void write_map(writer *out, unsigned entries); /* at most 15 */
void write_array(writer *out, unsigned entries); /* at most 65,535 */
void write_string(writer *out, const char *text);
void write_slice(writer *out, bytes text);
void write_int(writer *out, uint32_t value);
void write_bool(writer *out, bool value);
/* Bytes that are msgpack already. */
void write_raw(writer *out, const uint8_t *at, size_t length);

#ifdef __cplusplus
}
#endif

#endif
