/* The isolate barrier and the one of the hooks, seen from the monitor. */
#include <errno.h>
#include <poll.h>

#include "core.h"

/* A child that failed meanwhile has said why, which is read later. */
static int forgive_gone(int result) { return result == -EPIPE || result == -ECONNRESET ? 0 : result; }

/* All that host steps have put into slots goes to the child. */
static int hand_over(struct step_context *context) {
  struct launch *launch = context->launch;
  struct sync_message message = { .kind = SYNC_HOST_DONE };
  int descriptors[FD_SLOTS], result = 0;
  for (int slot = 0; slot < FD_SLOTS; slot++) {
    if (context->slots[slot] < 0) continue;
    descriptors[message.slot_count] = context->slots[slot];
    message.slots[message.slot_count++] = (uint8_t)slot;
  }
  if (steps_contain(&launch->values[MESSAGE_LAUNCH_CHILD_STEPS], STEP_AWAIT_HOST)) {
    result = sync_send(launch->sync, &message, descriptors, (int)message.slot_count);
  }
  step_context_end(context);
  launch->handed_over = 1;
  return forgive_gone(result);
}

int hand_over_finish(struct step_context *context) {
  struct launch *launch = context->launch;
  if (!launch->handed_over) return hand_over(context);
  return forgive_gone(sync_tell(launch->sync, SYNC_HOOKS_DONE, 0));
}

/* Keeps what the child says of its failure; one that is gone without a word was killed. */
static int hear(struct launch *launch) {
  struct sync_message *message = &launch->failure;
  int result = sync_receive(launch->sync, message, NULL, NULL);
  if (result < 0) return result;
  if (result == 0) {
    *message = (struct sync_message){
      .kind = SYNC_FAILED, .phase = FAILURE_PHASE_CHILD, .error = ECHILD, .detail = "killed while it was prepared",
    };
  }
  if (message->kind == SYNC_FAILED) return -message->error;
  return message->kind == SYNC_MOUNTED ? 0 : -EPROTO;
}

int step_await_mounts(struct step_context *context, const struct value *values) {
  (void)values;
  struct launch *launch = context->launch;
  if (launch == NULL || launch->handed_over) return -EINVAL;
  int result = hand_over(context);
  if (result < 0) return result;
  struct pollfd watched[] = {
    { .fd = launch->sync, .events = POLLIN },
    { .fd = launch->control, .events = POLLRDHUP },
  };
  step_detail(context, "the agent is gone");
  while (watched[0].revents == 0) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return -errno;
    if (watched[1].revents & (POLLRDHUP | POLLHUP | POLLERR)) return -ECANCELED;
  }
  return hear(launch);
}
