#include "report.h"

#include <errno.h>
#include <string.h>

int report(struct step_context *context, int error, const char *text) {
  step_detail(context, text);
  return error;
}

/* Appends as much of `text` as fits and returns the new length. */
static size_t append(char *buffer, size_t length, const char *text) {
  size_t room = DETAIL_BYTES - 1 - length;
  size_t wanted = strlen(text);
  size_t taken = wanted < room ? wanted : room;
  memcpy(buffer + length, text, taken);
  buffer[length + taken] = '\0';
  return length + taken;
}

int report_about(struct step_context *context, int error, const char *text, const char *more) {
  char buffer[DETAIL_BYTES];
  size_t length = append(buffer, 0, text);
  length = append(buffer, length, ": ");
  append(buffer, length, more);
  return report(context, error, buffer);
}

int report_number(struct step_context *context, int error, const char *text, uint64_t number) {
  char buffer[DETAIL_BYTES];
  char digits[24];
  size_t at = sizeof(digits) - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  size_t length = append(buffer, 0, text);
  length = append(buffer, length, " ");
  append(buffer, length, digits + at);
  return report(context, error, buffer);
}

int check_at_most(struct step_context *context, const char *text, uint64_t number, uint64_t limit) {
  return number <= limit ? 0 : report_number(context, -EINVAL, text, number);
}
