#include "unpack.h"

#include <errno.h>

/* GNU and star: the bytes after the first bit are a two's complement number, its sign in the second bit. */
static int base_256(const unsigned char *field, size_t width, int64_t *number) {
  unsigned char sign = field[0] & 0x40 ? 0xff : 0;
  uint64_t bits = sign ? ~(uint64_t)0 : 0;
  for (size_t i = 0; i < width; i++) {
    unsigned char byte = i == 0 ? (unsigned char)((field[0] & 0x7f) | (sign & 0x80)) : field[i];
    if (width - i > 8 && byte != sign)
      return -EINVAL;
    if (width - i == 8 && (byte & 0x80) != (sign & 0x80))
      return -EINVAL;
    bits = bits << 8 | byte;
  }
  *number = (int64_t)bits;
  return 0;
}

static int is_filler(unsigned char byte) {
  return byte == ' ' || byte == 0;
}

int number_field(const unsigned char *field, size_t width, int64_t *number) {
  if (field[0] & 0x80)
    return base_256(field, width, number);
  size_t at = 0;
  while (at < width && is_filler(field[at]))
    at++;
  while (width > at && is_filler(field[width - 1]))
    width--;
  int64_t sum = 0;
  for (; at < width; at++) {
    /* At most twelve digits, so this cannot overflow. */
    if (field[at] < '0' || field[at] > '7')
      return -EINVAL;
    sum = sum * 8 + (field[at] - '0');
  }
  *number = sum;
  return 0;
}

int number_decimal(const char *text, size_t length, uint64_t *number) {
  if (length == 0)
    return -EINVAL;
  uint64_t sum = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned digit = (unsigned)(text[i] - '0');
    if (digit > 9 || sum > ((uint64_t)INT64_MAX - digit) / 10)
      return -EINVAL;
    sum = sum * 10 + digit;
  }
  *number = sum;
  return 0;
}

static int fraction(const char *text, size_t length, long *nanoseconds) {
  long scale = 100000000;
  *nanoseconds = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9')
      return -EINVAL;
    *nanoseconds += (text[i] - '0') * scale;
    scale /= 10;
  }
  return 0;
}

int number_time(const char *text, size_t length, struct timespec *time) {
  int negative = length > 0 && text[0] == '-';
  text += negative;
  length -= (size_t)negative;
  size_t whole = 0;
  while (whole < length && text[whole] != '.')
    whole++;
  uint64_t seconds;
  long nanoseconds = 0;
  int result = number_decimal(text, whole, &seconds);
  if (result == 0 && whole < length)
    result = fraction(text + whole + 1, length - whole - 1, &nanoseconds);
  if (result < 0)
    return result;
  /* -1.25 is two seconds before the epoch and 0.75 after that. */
  if (negative && nanoseconds > 0) {
    seconds++;
    nanoseconds = 1000000000 - nanoseconds;
  }
  if (seconds > INT64_MAX / 2)
    return -EINVAL;
  time->tv_sec = negative ? -(time_t)seconds : (time_t)seconds;
  time->tv_nsec = nanoseconds;
  return 0;
}
