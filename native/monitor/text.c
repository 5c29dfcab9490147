#include "text.h"

#include <errno.h>
#include <string.h>

void text_bytes(struct text *text, const char *bytes, size_t length) {
  size_t space = text->capacity - text->length;
  if (length > space) length = space;
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

void text_add(struct text *text, const char *string) { text_bytes(text, string, strlen(string)); }

void text_number(struct text *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  text_bytes(text, digits + at, sizeof digits - at);
}

static void padded(struct text *text, uint64_t number, size_t width) {
  char digits[20];
  for (size_t at = width; at > 0; number /= 10) digits[--at] = (char)('0' + number % 10);
  text_bytes(text, digits, width);
}

/*
 * Days since 1970 to a civil date, with years that begin in March so that the leap day comes last: 365 days and a leap
 * day each 4, 100 and 400 years (146097 days). Own arithmetic, for gmtime_r opens the time zone data base.
 */
static void text_date(struct text *text, int64_t days) {
  int64_t since = days + 719468;   /* from 0000-03-01 */
  int64_t era = since / 146097;
  int64_t day_of_era = since % 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted = (5 * day_of_year + 2) / 153;
  int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  padded(text, (uint64_t)(era * 400 + year_of_era + (month <= 2 ? 1 : 0)), 4);
  text_add(text, "-");
  padded(text, (uint64_t)month, 2);
  text_add(text, "-");
  padded(text, (uint64_t)(day_of_year - (153 * shifted + 2) / 5 + 1), 2);
}

void text_time(struct text *text, const struct timespec *time) {
  int64_t seconds = time->tv_sec < 0 ? 0 : time->tv_sec;
  text_date(text, seconds / 86400);
  int64_t of_day = seconds % 86400;
  text_add(text, "T");
  padded(text, (uint64_t)(of_day / 3600), 2);
  text_add(text, ":");
  padded(text, (uint64_t)(of_day / 60 % 60), 2);
  text_add(text, ":");
  padded(text, (uint64_t)(of_day % 60), 2);
  text_add(text, ".");
  padded(text, (uint64_t)time->tv_nsec, 9);
  text_add(text, "Z");
}

void text_errno(struct text *text, int error) {
  switch (error) {
    case ENOSPC: text_add(text, "no space left on device"); return;
    case EDQUOT: text_add(text, "disk quota exceeded"); return;
    case EFBIG: text_add(text, "file too large"); return;
    case EIO: text_add(text, "input/output error"); return;
    default: text_add(text, "errno "); text_number(text, (uint64_t)error);
  }
}
