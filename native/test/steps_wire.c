/* The string cursor, until the helper's own wire.c is there to be linked. */
#include <string.h>

#include "../helper.h"

struct string_cursor string_cursor(const struct value *list) {
  return (struct string_cursor){.at = list->bytes, .left = list->count};
}

const char *string_next(struct string_cursor *cursor) {
  if (cursor->left == 0) return NULL;
  cursor->left--;
  uint32_t length;
  memcpy(&length, cursor->at, 4);
  const char *string = cursor->at + 4;
  cursor->at = string + length + 1;
  return string;
}
