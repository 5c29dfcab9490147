/* What the agent asks of a monitor, on the launch connection or on one that it attached later. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor.h"

static void handle_start(struct monitor *monitor) {
  monitor->launch->start_requested = 1;
  if (!monitor->start_sent && monitor->launch->sync >= 0) barrier_open(monitor);
}

static void handle_abort(struct monitor *monitor, struct client *client) {
  if (monitor->started) client_failed(client, FAILURE_PHASE_REQUEST, EALREADY, "abort after the start");
  else launch_give_up(monitor);
}

static void handle_signal(struct monitor *monitor, struct client *client, uint64_t number) {
  int result = -1;
  errno = number > 64 ? EINVAL : ESRCH;
  if (number <= 64 && !monitor->reaped) {
    result = (int)syscall(SYS_pidfd_send_signal, monitor->launch->child_pidfd, (int)number, NULL, 0);
  }
  if (result < 0) client_failed(client, FAILURE_PHASE_REQUEST, (uint64_t)errno, "signal");
  else client_done(client);
}

static void handle_grant(struct monitor *monitor, struct client *client, const struct value *values) {
  uint64_t role = values[MESSAGE_GRANT_ROLE].number;
  int result = role > ATTACH_ROLE_OBSERVER ? -EINVAL : ticket_grant(monitor, (int)role, &values[MESSAGE_GRANT_TICKET]);
  if (result < 0) client_failed(client, FAILURE_PHASE_REQUEST, (uint64_t)-result, "grant");
  else client_done(client);
}

static void handle_read_counters(struct monitor *monitor, struct client *client) {
  const struct counters *counters = &monitor->launch->counters;
  struct counted sums[MAX_COUNTED_EVENTS];
  for (uint32_t event = 0; event < counters->events; event++) {
    int result = counters_read(counters, event, &sums[event]);
    if (result < 0) {
      client_failed(client, FAILURE_PHASE_REQUEST, (uint64_t)-result, "counters");
      return;
    }
  }
  uint32_t length = counters->events * (uint32_t)sizeof sums[0];
  struct payload payload = {0};
  payload_bytes(&payload, &length, sizeof length);
  payload_bytes(&payload, sums, length);
  client_frame(client, MESSAGE_COUNTERS, &payload);
}

void control_frame(struct monitor *monitor, struct client *client, const struct frame *frame) {
  struct value values[MAX_VALUES];
  const char *signature = wire_message_signature(frame->type);
  if (signature == NULL) {         /* a younger agent may know more than we do */
    client_failed(client, FAILURE_PHASE_REQUEST, ENOSYS, "unknown message");
    return;
  }
  int result = wire_decode(signature, frame->payload, frame->length, values);
  if (result < 0) {
    client_failed(client, FAILURE_PHASE_REQUEST, (uint64_t)-result, "malformed message");
    return;
  }
  switch (frame->type) {
    case MESSAGE_START: handle_start(monitor); return;
    case MESSAGE_ABORT: handle_abort(monitor, client); return;
    case MESSAGE_SIGNAL: handle_signal(monitor, client, values[MESSAGE_SIGNAL_SIGNAL].number); return;
    case MESSAGE_GRANT: handle_grant(monitor, client, values); return;
    case MESSAGE_READ_COUNTERS: handle_read_counters(monitor, client); return;
    case MESSAGE_RELEASE: monitor->released = 1; return;
    case MESSAGE_RESIZE:
      terminal_resize(monitor, values[MESSAGE_RESIZE_ROWS].number, values[MESSAGE_RESIZE_COLUMNS].number);
      return;
    default: client_failed(client, FAILURE_PHASE_REQUEST, EBADMSG, "not a message for a monitor");
  }
}

/* Before the start only the agent knows of the child; without the agent nobody would ever start or end it. */
void control_gone(struct monitor *monitor) {
  if (!monitor->launch->start_requested) launch_give_up(monitor);
}
