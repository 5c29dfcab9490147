#include "unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../file_access.h"

int stream_open(struct stream *stream, int fd) {
  stream->fd = fd;
  stream->at = stream->end = 0;
  stream->buffer = malloc(STREAM_BYTES);
  return stream->buffer ? 0 : -ENOMEM;
}

void stream_close(struct stream *stream) {
  free(stream->buffer);
  stream->buffer = NULL;
}

/* Reads once more behind what is there; the number of new bytes, 0 at the end of the stream. */
static ssize_t fill(struct stream *stream) {
  size_t kept = stream->end - stream->at;
  if (stream->at > 0) {
    memmove(stream->buffer, stream->buffer + stream->at, kept);
    stream->at = 0;
    stream->end = kept;
  }
  ssize_t count;
  do
    count = read(stream->fd, stream->buffer + kept, STREAM_BYTES - kept);
  while (count < 0 && errno == EINTR);
  if (count < 0)
    return -errno;
  stream->end += (size_t)count;
  return count;
}

int stream_block(struct stream *stream, const unsigned char **block) {
  while (stream->end - stream->at < BLOCK_BYTES) {
    ssize_t count = fill(stream);
    if (count < 0)
      return (int)count;
    if (count == 0)
      return stream->end == stream->at ? 0 : -EBADMSG;
  }
  *block = stream->buffer + stream->at;
  stream->at += BLOCK_BYTES;
  return 1;
}

/* At least one byte, at most `count`; what is there is taken from the buffer. */
static int take(struct stream *stream, uint64_t count, const unsigned char **bytes, size_t *taken) {
  *bytes = stream->buffer;
  *taken = 0;
  if (stream->at == stream->end) {
    ssize_t got = fill(stream);
    if (got <= 0)
      return got == 0 ? -EBADMSG : (int)got;
  }
  size_t there = stream->end - stream->at;
  *taken = there < count ? there : (size_t)count;
  *bytes = stream->buffer + stream->at;
  stream->at += *taken;
  return 0;
}

int stream_read(struct stream *stream, void *to, size_t count) {
  unsigned char *next = to;
  while (count > 0) {
    const unsigned char *bytes;
    size_t taken;
    int result = take(stream, count, &bytes, &taken);
    if (result < 0)
      return result;
    memcpy(next, bytes, taken);
    next += taken;
    count -= taken;
  }
  return 0;
}

int stream_skip(struct stream *stream, uint64_t count) {
  while (count > 0) {
    const unsigned char *bytes;
    size_t taken;
    int result = take(stream, count, &bytes, &taken);
    if (result < 0)
      return result;
    count -= taken;
  }
  return 0;
}

int stream_copy(struct stream *stream, int fd, uint64_t count) {
  while (count > 0) {
    const unsigned char *bytes;
    size_t taken;
    int result = take(stream, count, &bytes, &taken);
    if (result == 0)
      result = write_all(fd, bytes, taken);
    if (result < 0)
      return result;
    count -= taken;
  }
  return 0;
}

int stream_drain(struct stream *stream, uint64_t limit) {
  uint64_t drained = 0;
  for (;;) {
    drained += stream->end - stream->at;
    if (drained > limit)
      return -EFBIG;
    stream->at = stream->end = 0;
    ssize_t count = fill(stream);
    if (count <= 0)
      return (int)count;
  }
}
