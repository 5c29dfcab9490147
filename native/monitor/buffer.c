#include "buffer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SMALLEST 4096

void *pages_take(size_t bytes) {
  void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? NULL : pages;
}

void pages_give(void *pages, size_t bytes) {
  if (pages != NULL) munmap(pages, bytes);
}

void buffer_free(struct buffer *buffer) {
  pages_give(buffer->bytes, buffer->capacity);
  *buffer = (struct buffer){0};
}

/* Makes room for `wanted` bytes in all: moves the content to the front where that is enough, else doubles. */
static int buffer_reserve(struct buffer *buffer, size_t wanted) {
  if (buffer->start + wanted <= buffer->capacity) return 0;
  if (wanted <= buffer->capacity / 2) {
    memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->length);
    buffer->start = 0;
    return 0;
  }
  size_t capacity = buffer->capacity == 0 ? SMALLEST : buffer->capacity;
  while (capacity < wanted) capacity *= 2;
  unsigned char *bytes = pages_take(capacity);
  if (bytes == NULL) return -ENOMEM;
  if (buffer->length > 0) memcpy(bytes, buffer->bytes + buffer->start, buffer->length);
  pages_give(buffer->bytes, buffer->capacity);
  buffer->bytes = bytes;
  buffer->start = 0;
  buffer->capacity = capacity;
  return 0;
}

int buffer_append(struct buffer *buffer, const struct iovec *parts, int count, size_t skip) {
  size_t added = 0;
  for (int i = 0; i < count; i++) added += parts[i].iov_len;
  if (added <= skip) return 0;
  int result = buffer_reserve(buffer, buffer->length + added - skip);
  if (result < 0) return result;
  for (int i = 0; i < count; i++) {
    size_t left_out = skip < parts[i].iov_len ? skip : parts[i].iov_len;
    skip -= left_out;
    size_t kept = parts[i].iov_len - left_out;
    if (kept == 0) continue;
    memcpy(buffer->bytes + buffer->start + buffer->length, (const unsigned char *)parts[i].iov_base + left_out, kept);
    buffer->length += kept;
  }
  return 0;
}

void buffer_consume(struct buffer *buffer, size_t bytes) {
  buffer->start += bytes;
  buffer->length -= bytes;
  if (buffer->length == 0) buffer_free(buffer);
}
