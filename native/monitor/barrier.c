/* The sync socket: from the child's last steps over the start barrier to exec, which closes it. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor.h"

#define FAILING_WAIT_MS 5000

static void kill_child(struct monitor *monitor) {
  struct launch *launch = monitor->launch;
  if (!monitor->reaped) syscall(SYS_pidfd_send_signal, launch->child_pidfd, SIGKILL, NULL, 0);
  if (monitor->kind == LAUNCH_KIND_CONTAINER && launch->tracking_kill >= 0) {
    ssize_t ignored = write(launch->tracking_kill, "1", 1);
    (void)ignored;                 /* the engine removes the group and sees whether it is empty */
  }
}

void launch_give_up(struct monitor *monitor) {
  if (monitor->failing || monitor->started) return;
  monitor->failing = 1;
  monitor->failing_deadline = now_ms() + FAILING_WAIT_MS;
  kill_child(monitor);
}

static void fail(struct monitor *monitor, const struct sync_message *message) {
  struct payload payload = {0};
  if (monitor->prepared_untold) controls_frame(monitor, MESSAGE_PREPARED, NULL);
  payload_number(&payload, message->phase);
  payload_number(&payload, message->step);
  payload_number(&payload, (uint64_t)message->error);
  payload_string(&payload, message->detail);
  controls_frame(monitor, MESSAGE_FAILED, &payload);
  /* Started, and its agent gone: nobody hears of the failure unless something is written. */
  monitor->status_missing = client_with_role(monitor, ATTACH_ROLE_CONTROL) == NULL;
  launch_give_up(monitor);
}

/* Told at once, also while the child is still at its steps: it finds the word when it gets there and need not wait for us. */
void barrier_open(struct monitor *monitor) {
  struct sync_message message = {.kind = SYNC_START};
  timing_mark(monitor->launch, "start");
  monitor->start_sent = 1;
  sync_send(monitor->launch->sync, &message, NULL, 0);   /* a child that is gone shows at the next read */
}

static void prepared(struct monitor *monitor) {
  monitor->state = MONITOR_STATE_PREPARED;
  timing_mark(monitor->launch, "prepared");
  /* With `start` here already nobody waits for the word: it goes with what follows, for each waking of an agent costs. */
  if (monitor->start_sent) monitor->prepared_untold = 1;
  else controls_frame(monitor, MESSAGE_PREPARED, NULL);
}

static void tell_started(struct monitor *monitor) {
  struct payload timings = {0}, at = {0};
  timings.length = timing_encode(monitor->launch, timings.bytes, sizeof timings.bytes);
  payload_number(&at, clock_wall_ms());
  const struct outgoing frames[] = {
    {MESSAGE_PREPARED, NULL}, {MESSAGE_TIMINGS, &timings}, {MESSAGE_STARTED, &at},
  };
  int first = monitor->prepared_untold ? 0 : 1;
  controls_frames(monitor, frames + first, 3 - first);
}

static void started(struct monitor *monitor) {
  monitor->started = 1;
  monitor->state = MONITOR_STATE_RUNNING;
  timing_mark(monitor->launch, "exec");
  tell_started(monitor);
  if (monitor->owner_awaited) monitor->owner_deadline = now_ms() + OWNER_WAIT_MS;
  monitor->restless = 1;
  int result = confine(monitor->kind == LAUNCH_KIND_TREE);
  if (result < 0) _exit(126);      /* a monitor that keeps its privileges is worse than none: the fork server cleans up */
}

/* The socket closes with exec, or because the child was killed while it could not say so. */
void sync_ended(struct monitor *monitor) {
  descriptor_close(&monitor->launch->sync);
  if (monitor->failing) return;
  if (monitor->start_sent && monitor->state == MONITOR_STATE_PREPARED) {
    started(monitor);
    return;
  }
  struct sync_message gone = {.phase = FAILURE_PHASE_CHILD, .error = ECHILD, .detail = "killed while it was prepared"};
  fail(monitor, &gone);
}

/* Each word counts once: a container that may trace could have its session say more (ADR 0114). */
void barrier_receive(struct monitor *monitor) {
  struct sync_message message;
  int descriptors[FD_SLOTS], count = 0;
  int result = sync_receive(monitor->launch->sync, &message, descriptors, &count);
  int master = -1;
  for (int i = 0; i < count; i++) {
    if (result > 0 && message.kind == SYNC_TERMINAL && i == 0) master = descriptors[i];
    else descriptor_close(&descriptors[i]);
  }
  if (result <= 0) {
    sync_ended(monitor);
    return;
  }
  switch (message.kind) {
    case SYNC_PREPARED: if (monitor->state != MONITOR_STATE_PREPARED) prepared(monitor); return;
    case SYNC_TERMINAL: if (master >= 0) terminal_adopt(monitor, master); return;
    case SYNC_FAILED: if (!monitor->failing) fail(monitor, &message); return;
    default: return;
  }
}
