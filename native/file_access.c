#include "file_access.h"

#include <errno.h>
#include <unistd.h>

int write_all(int file, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t written = write(file, at, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    at += written;
    length -= (size_t)written;
  }
  return 0;
}
