/* A byte queue whose memory goes back to the kernel as soon as it is empty: thousands of monitors idle on a host. */
#ifndef ISOPOD_BUFFER_H
#define ISOPOD_BUFFER_H

#include <stddef.h>
#include <sys/uio.h>

struct buffer {
  unsigned char *bytes;
  size_t start, length, capacity;
};

/* Appends the parts without their first `skip` bytes; -ENOMEM leaves the queue as it was. The caller keeps the bound. */
int buffer_append(struct buffer *buffer, const struct iovec *parts, int count, size_t skip);
/* Drops bytes at the front. */
void buffer_consume(struct buffer *buffer, size_t bytes);
void buffer_free(struct buffer *buffer);

/* Page-granular memory, so that freeing really frees; NULL when there is none. */
void *pages_take(size_t bytes);
void pages_give(void *pages, size_t bytes);

#endif
