/* What the unpacker calls of the rest of the helper, for tests that run it alone: an answer becomes a line on stdout. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "../helper.h"

int frame_send(int socket, uint8_t type, ...) {
  va_list values;
  (void)socket;
  va_start(values, type);
  uint64_t first = va_arg(values, uint64_t), second = va_arg(values, uint64_t);
  if (type == MESSAGE_UNPACKED) {
    printf("unpacked %" PRIu64 " %" PRIu64 "\n", first, second);
  } else {
    uint64_t error = va_arg(values, uint64_t);
    printf("failed %" PRIu64 " %" PRIu64 " %s\n", error, second, va_arg(values, const char *));
  }
  va_end(values);
  return fflush(stdout) == 0 ? 0 : -1;
}

void step_detail(struct step_context *context, const char *text) {
  size_t i = 0;
  for (; text[i] && i < DETAIL_BYTES - 1; i++)
    context->detail[i] = text[i];
  context->detail[i] = 0;
}
