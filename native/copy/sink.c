#include "copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../file_access.h"

int sink_open(struct sink *sink, int fd, int framed) {
  *sink = (struct sink){.fd = fd, .framed = framed, .bytes = malloc(SINK_BYTES)};
  return sink->bytes != NULL ? 0 : -ENOMEM;
}

void sink_close(struct sink *sink) {
  free(sink->bytes);
  sink->bytes = NULL;
}

int sink_flush(struct sink *sink) {
  if (sink->used == 0)
    return 0;
  int result = sink->framed ? frame_send(sink->fd, MESSAGE_TREE_PART, (const void *)sink->bytes, (uint32_t)sink->used)
                            : write_all(sink->fd, sink->bytes, sink->used);
  sink->used = 0;
  return result;
}

int sink_put(struct sink *sink, const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  while (length > 0) {
    size_t room = SINK_BYTES - sink->used;
    size_t taken = length < room ? length : room;
    memcpy(sink->bytes + sink->used, at, taken);
    sink->used += taken;
    at += taken;
    length -= taken;
    int result = sink->used == SINK_BYTES ? sink_flush(sink) : 0;
    if (result < 0)
      return result;
  }
  return 0;
}

int sink_pad(struct sink *sink, uint64_t length) {
  static const unsigned char zeros[TAR_BLOCK_BYTES];
  return sink_put(sink, zeros, (size_t)((TAR_BLOCK_BYTES - length % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES));
}
