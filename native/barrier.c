/* The barriers, seen from the child. When the monitor or the agent goes away, each ends the child. */
#include <errno.h>
#include <unistd.h>

#include "core.h"

static int receive(struct launch *launch, uint32_t kind, struct sync_message *message, int *descriptors, int *count) {
  int result = sync_receive(launch->sync, message, descriptors, count);
  if (result == 0) return -EPIPE;
  if (result < 0) return result;
  return message->kind == kind ? 0 : -EPROTO;
}

int step_await_host(struct step_context *context, const struct value *values) {
  (void)values;
  struct sync_message message;
  int descriptors[FD_SLOTS], count = 0;
  if (context->launch == NULL) return -EINVAL;
  int result = receive(context->launch, SYNC_HOST_DONE, &message, descriptors, &count);
  if (result < 0) return result;
  if (message.slot_count != (uint32_t)count) return -EPROTO;
  for (int index = 0; index < count; index++) {
    uint8_t slot = message.slots[index];
    if (slot >= FD_SLOTS || context->slots[slot] >= 0) return -EEXIST;
    context->slots[slot] = descriptors[index];
  }
  return 0;
}

int step_await_hooks(struct step_context *context, const struct value *values) {
  (void)values;
  struct sync_message message;
  if (context->launch == NULL) return -EINVAL;
  int result = sync_tell(context->launch->sync, SYNC_MOUNTED, 0);
  if (result < 0) return result;
  return receive(context->launch, SYNC_HOOKS_DONE, &message, NULL, NULL);
}

int step_await_start(struct step_context *context, const struct value *values) {
  (void)values;
  struct sync_message message;
  if (context->launch == NULL) return -EINVAL;
  int result = sync_tell(context->launch->sync, SYNC_PREPARED, 0);
  if (result < 0) return result;
  return receive(context->launch, SYNC_START, &message, NULL, NULL);
}
