#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void lines_init(struct lines *lines, int descriptor, uint64_t limit) {
  lines->descriptor = descriptor;
  lines->start = lines->end = 0;
  lines->left = limit;
}

/* Reads more behind what is there: bytes read, 0 at the end of the file. */
static int refill(struct lines *lines) {
  if (lines->start > 0) {
    memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;
  }
  if (lines->end == LINE_BYTES - 1)
    return -EOVERFLOW;
  ssize_t count;
  do {
    count = read(lines->descriptor, lines->buffer + lines->end, LINE_BYTES - 1 - lines->end);
  } while (count < 0 && errno == EINTR);
  if (count < 0)
    return -errno;
  if ((uint64_t)count > lines->left)
    return -EFBIG;
  lines->left -= (uint64_t)count;
  lines->end += (uint32_t)count;
  return (int)count;
}

int lines_next(struct lines *lines, char **line, uint32_t *length) {
  for (;;) {
    char *begin = lines->buffer + lines->start;
    char *newline = memchr(begin, '\n', lines->end - lines->start);
    if (newline != NULL) {
      *line = begin;
      *length = (uint32_t)(newline - begin);
      *newline = '\0';
      lines->start += *length + 1;
      return 1;
    }
    int count = refill(lines);
    if (count < 0)
      return count;
    if (count == 0)
      break;
  }
  if (lines->start == lines->end)
    return 0;
  *line = lines->buffer + lines->start;
  *length = lines->end - lines->start;
  lines->buffer[lines->end] = '\0';
  lines->start = lines->end;
  return 1;
}
