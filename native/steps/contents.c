#include "contents.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CONTENT_BYTES (128 * 1024)

static ssize_t read_full(int file, char *bytes) {
  size_t length = 0;
  while (length < CONTENT_BYTES) {
    ssize_t got = read(file, bytes + length, CONTENT_BYTES - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    if (got == 0)
      break;
    length += (size_t)got;
  }
  return (ssize_t)length;
}

int contents_are_same(int one, int other) {
  static char left[CONTENT_BYTES], right[CONTENT_BYTES];
  for (;;) {
    ssize_t length = read_full(one, left), found = read_full(other, right);
    if (length < 0 || found < 0)
      return (int)(length < 0 ? length : found);
    if (length != found || memcmp(left, right, (size_t)length) != 0)
      return 0;
    if (length < CONTENT_BYTES)
      return 1;
  }
}
