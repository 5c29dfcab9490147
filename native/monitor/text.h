/* Short texts without printf: its tables would cost every idle monitor pages of memory. */
#ifndef ISOPOD_TEXT_H
#define ISOPOD_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct text {
  char *bytes;
  size_t length, capacity;         /* what does not fit is left out; no NUL is added */
};

void text_bytes(struct text *text, const char *bytes, size_t length);
void text_add(struct text *text, const char *string);
void text_number(struct text *text, uint64_t number);
/* RFC 3339 in UTC with nine digits of the second: `2016-10-06T00:17:09.669794202Z`, 30 bytes. */
void text_time(struct text *text, const struct timespec *time);
/* The common causes of a failed write in words, `errno N` else. */
void text_errno(struct text *text, int error);

#endif
