#include "pending.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_BYTES ((size_t)64 << 20)

static int reserve(struct pending *pending, size_t more) {
  if (pending->capacity - pending->length >= more)
    return 0;
  size_t capacity = pending->capacity ? pending->capacity * 2 : 64 * 1024;
  char *grown = capacity > PENDING_BYTES ? NULL : realloc(pending->bytes, capacity);
  if (!grown)
    return -ENOMEM;
  pending->bytes = grown;
  pending->capacity = capacity;
  return 0;
}

static char *put(char *to, const void *bytes, size_t length) {
  if (length > 0)
    memcpy(to, bytes, length);
  return to + length;
}

/* The note, the path and its length. */
int pending_push(struct pending *pending, const char *name, const void *note, size_t note_bytes) {
  size_t above = strlen(pending->path), own = strlen(name);
  size_t path_length = above + (above > 0) + own;
  uint32_t length = (uint32_t)path_length;
  size_t size = note_bytes + path_length + sizeof length;
  if (path_length >= PATH_MAX)
    return -ENAMETOOLONG;
  int result = reserve(pending, size);
  if (result < 0)
    return result;
  char *to = put(pending->bytes + pending->length, note, note_bytes);
  to = put(to, pending->path, above);
  if (above > 0)
    *to++ = '/';
  to = put(to, name, own);
  put(to, &length, sizeof length);
  pending->length += size;
  return 0;
}

int pending_pop(struct pending *pending, void *note, size_t note_bytes) {
  uint32_t length;
  if (pending->length == 0)
    return 0;
  pending->length -= sizeof length;
  memcpy(&length, pending->bytes + pending->length, sizeof length);
  pending->length -= length;
  memcpy(pending->path, pending->bytes + pending->length, length);
  pending->path[length] = 0;
  pending->length -= note_bytes;
  put(note, pending->bytes + pending->length, note_bytes);
  return 1;
}

void pending_free(struct pending *pending) {
  free(pending->bytes);
  pending->bytes = NULL;
  pending->length = pending->capacity = 0;
}
