/* The interpreter: a table made from STEP_TABLE, and two walks over a list. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "core.h"

struct step_entry {
  int where;
  const char *signature;
  step_function *function;
};

#define STEP_ENTRY(name, code, where, signature, function) [code] = { where, signature, function },
static const struct step_entry STEPS[] = { STEP_TABLE(STEP_ENTRY) };
#undef STEP_ENTRY

static const struct step_entry *step_entry(uint16_t code) {
  if (code >= sizeof STEPS / sizeof *STEPS || STEPS[code].function == NULL) return NULL;
  return &STEPS[code];
}

void step_context_init(struct step_context *context, struct launch *launch) {
  memset(context, 0, sizeof *context);
  for (int slot = 0; slot < FD_SLOTS; slot++) context->slots[slot] = -1;
  context->root = -1;
  context->top = -1;
  context->null_node = -1;
  context->mask_directory = -1;
  context->user_namespace = -1;
  for (int kind = 0; kind < 4; kind++) context->home_namespaces[kind] = -1;
  context->birth.process = -1;
  context->launch = launch;
  context->caller = -1;
}

int step_caller(const struct step_context *context) {
  return context->launch != NULL ? context->launch->control : context->caller;
}

int step_is_given_up(const struct step_context *context) {
  struct pollfd watched = {.fd = step_caller(context), .events = POLLRDHUP};
  return watched.fd >= 0 && poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void step_context_end(struct step_context *context) {
  for (int slot = 0; slot < FD_SLOTS; slot++) {
    if (context->slots[slot] >= 0) close(context->slots[slot]);
    context->slots[slot] = -1;
  }
  if (context->user_namespace >= 0) close(context->user_namespace);
  context->user_namespace = -1;
  setfsuid(geteuid());
  setfsgid(getegid());
}

void step_detail(struct step_context *context, const char *text) {
  size_t length = strnlen(text, DETAIL_BYTES - 1);
  memcpy(context->detail, text, length);
  context->detail[length] = 0;
}

int steps_check(const struct value *list, int where) {
  struct step_cursor cursor = step_cursor(list);
  struct value values[MAX_VALUES];
  const unsigned char *body;
  uint32_t length;
  uint16_t code;
  int is_late = 0;
  while (step_next(&cursor, &code, &body, &length)) {
    const struct step_entry *entry = step_entry(code);
    if (entry == NULL) return -ENOSYS;
    if ((entry->where & where) == 0) return -EINVAL;
    /* What is to be done before the child is made comes before all else. */
    if (entry->where == STEP_WHERE_BEFORE && is_late) return -EINVAL;
    is_late |= entry->where != STEP_WHERE_BEFORE;
    int result = wire_decode(entry->signature, body, length, values);
    if (result < 0) return result;
  }
  return 0;
}

static int run_one(struct step_context *context, int where, uint16_t code, const struct value *body) {
  const struct step_entry *entry = step_entry(code);
  struct value values[MAX_VALUES];
  if (entry == NULL) return -ENOSYS;
  if ((entry->where & where) == 0) return -EINVAL;
  int result = wire_decode(entry->signature, (const unsigned char *)body->bytes, body->length, values);
  if (result < 0) return result;
  context->detail[0] = 0;
  return entry->function(context, values);
}

int steps_walk(struct step_walk *walk) {
  struct step_cursor cursor = step_cursor(walk->list);
  const unsigned char *bytes;
  uint32_t length;
  for (walk->index = 0; step_next(&cursor, &walk->code, &bytes, &length); walk->index++) {
    struct value body = { .bytes = (const char *)bytes, .length = length };
    const struct step_entry *entry = step_entry(walk->code);
    int is_early = entry != NULL && entry->where == STEP_WHERE_BEFORE;
    /* They stand first; once the child is there they are behind us. */
    if (walk->where == STEP_WHERE_BEFORE && !is_early) return 0;
    if (walk->where == STEP_WHERE_HOST && is_early) continue;
    int result = walk->before == NULL ? 0 : walk->before(walk);
    if (result >= 0) result = run_one(walk->context, walk->where, walk->code, &body);
    if (result < 0) return result;
  }
  return 0;
}

int steps_run(struct step_context *context, const struct value *list, int where, uint32_t *failed) {
  struct step_walk walk = { .context = context, .list = list, .where = where };
  int result = steps_walk(&walk);
  if (result < 0) *failed = walk.index;
  return result;
}

int steps_contain(const struct value *list, uint16_t wanted) {
  struct step_cursor cursor = step_cursor(list);
  const unsigned char *body;
  uint32_t length;
  uint16_t code;
  while (step_next(&cursor, &code, &body, &length)) {
    if (code == wanted) return 1;
  }
  return 0;
}

uint16_t steps_last(const struct value *list) {
  struct step_cursor cursor = step_cursor(list);
  const unsigned char *body;
  uint32_t length;
  uint16_t code, last = 0;
  while (step_next(&cursor, &code, &body, &length)) last = code;
  return last;
}
