/*
 * What a worker reads: frames, messages, lists of strings and of steps. The steps are stand-ins, so that a list which is
 * found to be right may be run; what was decoded must lie inside the payload, and end where it says.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core.h"

/* More than a socket holds would wait for a reader. */
#define MAX_STREAM 60000

#define STAND_IN(name, code, where, signature, function) \
  int function(struct step_context *context, const struct value *values) { \
    (void)context; \
    return values == NULL ? -EINVAL : 0; \
  }
STEP_TABLE(STAND_IN)

static void inside(const struct frame *frame, const void *bytes, size_t length) {
  const unsigned char *at = bytes, *end = frame->payload + frame->length;
  if (at < frame->payload || at > end || length > (size_t)(end - at)) abort();
}

static void strings(const struct frame *frame, const struct value *list) {
  struct string_cursor cursor = string_cursor(list);
  uint32_t count = 0;
  for (const char *text; (text = string_next(&cursor)) != NULL; count++) inside(frame, text, strlen(text) + 1);
  if (count != list->count) abort();
}

static void steps(const struct value *list) {
  const int wheres[] = { STEP_WHERE_CHILD, STEP_WHERE_HOST };
  for (size_t i = 0; i < sizeof wheres / sizeof *wheres; i++) {
    struct step_context context;
    uint32_t failed = 0;
    step_context_init(&context, NULL);
    int checked = steps_check(list, wheres[i]);
    int ran = steps_run(&context, list, wheres[i], &failed);
    if (checked == 0 && ran < 0) abort();
    if (ran < 0 && failed >= list->count) abort();
  }
  steps_contain(list, STEP_EXEC);
  steps_last(list);
}

static void message(const struct frame *frame) {
  struct value values[MAX_VALUES];
  const char *signature = wire_message_signature(frame->type);
  if (signature == NULL || wire_decode(signature, frame->payload, frame->length, values) < 0) return;
  for (size_t i = 0; signature[i] != 0; i++) {
    if (signature[i] == 's' && strlen(values[i].bytes) != values[i].length) abort();
    if (signature[i] == 's' || signature[i] == 'b') inside(frame, values[i].bytes, values[i].length);
    if (signature[i] == 'S') strings(frame, &values[i]);
    if (signature[i] == 'L') steps(&values[i]);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int ends[2];
  struct frame frame;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) abort();
  size_t sent = size < MAX_STREAM ? size : MAX_STREAM;
  if (sent > 0 && write(ends[0], data, sent) != (ssize_t)sent) abort();
  shutdown(ends[0], SHUT_WR);
  while (frame_read(ends[1], &frame) == 1) {
    message(&frame);
    frame_free(&frame);
  }
  close(ends[0]);
  close(ends[1]);
  return 0;
}

void fuzz_change(uint8_t *data, size_t size, uint32_t *state) {
  uint32_t changes = 1 + fuzz_random(state) % 4;
  while (changes-- > 0) data[fuzz_random(state) % size] = (uint8_t)fuzz_random(state);
}
