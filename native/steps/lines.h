/* Lines of a file that somebody else wrote: bounded in length and in all. */
#ifndef ISOPOD_STEPS_LINES_H
#define ISOPOD_STEPS_LINES_H

#include <stdint.h>

#define LINE_BYTES 32768

struct lines {
  int descriptor;
  uint32_t start, end;
  uint64_t left;              /* bytes that may still be read */
  char buffer[LINE_BYTES];
};

void lines_init(struct lines *lines, int descriptor, uint64_t limit);
/*
 * The next line without its newline, NUL-terminated, valid until the next call; a last one without a newline counts too.
 * 1 a line, 0 the end, -EFBIG more than `limit` bytes, -EOVERFLOW a line that does not fit LINE_BYTES.
 */
int lines_next(struct lines *lines, char **line, uint32_t *length);

#endif
