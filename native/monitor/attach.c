/* Clients on the monitor's own socket: admission by ticket, then stdin and resize from owner and observers. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor.h"

void attach_accept(struct monitor *monitor) {
  int descriptor = accept4(monitor->launch->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) monitor->accept_deadline = now_ms() + ACCEPT_WAIT_MS;
    return;
  }
  struct client *client = client_add(monitor, descriptor, ROLE_NONE);
  if (client == NULL) {
    descriptor_close(&descriptor);
    return;
  }
  struct payload hello = {0};
  payload_number(&hello, PROTOCOL_VERSION);
  payload_number(&hello, (uint64_t)getpid());
  payload_number(&hello, HELPER_ROLE_MONITOR);
  client_frame(client, MESSAGE_HELLO, &hello);
}

static void send_attached(struct monitor *monitor, struct client *client) {
  struct payload payload = {0};
  payload_number(&payload, (uint64_t)monitor->state);
  payload_number(&payload, (uint64_t)monitor->launch->child);
  payload_number(&payload, monitor->launch->start_time);
  payload_number(&payload, (uint64_t)(uint32_t)monitor->wait_status);
  payload_number(&payload, (uint64_t)monitor->terminal);
  client_frame(client, MESSAGE_ATTACHED, &payload);
}

/* The owner takes what was kept for it, unless it wants live output only. */
static void welcome_owner(struct monitor *monitor, struct client *client, int from) {
  if (from != 0) client_raw(client, monitor->pending.bytes + monitor->pending.start, monitor->pending.length);
  buffer_free(&monitor->pending);
  monitor->owner_awaited = 0;
  monitor->owner_deadline = NEVER;
}

static void admit(struct monitor *monitor, struct client *client, const struct value *values) {
  uint64_t role = values[MESSAGE_ATTACH_ROLE].number;
  const struct value *ticket = &values[MESSAGE_ATTACH_TICKET];
  if (role > ATTACH_ROLE_OBSERVER || !ticket_opens(monitor, (int)role, ticket)) {
    client_refuse(client, REFUSAL_BAD_TICKET);
    return;
  }
  if (role == ATTACH_ROLE_OWNER && client_with_role(monitor, ATTACH_ROLE_OWNER) != NULL) {
    client_refuse(client, REFUSAL_OWNER_TAKEN);
    return;
  }
  if (monitor->failing) {
    client_refuse(client, REFUSAL_ENDED);
    return;
  }
  ticket_spend(monitor, (int)role, ticket);
  client->role = (int)role;
  client->stdin_allowed = values[MESSAGE_ATTACH_STDIN].number != 0 && role != ATTACH_ROLE_CONTROL;
  client->deadline = NEVER;
  send_attached(monitor, client);
  if (role == ATTACH_ROLE_OWNER) welcome_owner(monitor, client, values[MESSAGE_ATTACH_FROM].number != 0);
  if (monitor->state == MONITOR_STATE_EXITED) client_exited(monitor, client);
}

static void take_stdin(struct monitor *monitor, struct client *client, const struct value *data) {
  client->stdin_data = data->bytes;
  client->stdin_left = data->length;
  if (data->length > 0) stdin_push(monitor, client);
}

/* A terminal has no end; and as long as there is an owner, or one is awaited, stdin is the owner's to end. */
static void end_stdin(struct monitor *monitor, const struct client *client) {
  const struct client *owner = client_with_role(monitor, ATTACH_ROLE_OWNER);
  int is_free = owner == NULL && !monitor->owner_awaited;
  if (!monitor->terminal && (is_free || owner == client)) stdin_close(monitor);
}

void attach_frame(struct monitor *monitor, struct client *client, const struct frame *frame) {
  struct value values[MAX_VALUES];
  const char *signature = wire_message_signature(frame->type);
  int attached = client->role != ROLE_NONE;
  int known = signature != NULL && wire_decode(signature, frame->payload, frame->length, values) == 0;
  if (known && !attached && frame->type == MESSAGE_ATTACH) {
    admit(monitor, client, values);
  } else if (known && attached && frame->type == MESSAGE_STDIN && client->stdin_allowed) {
    take_stdin(monitor, client, &values[MESSAGE_STDIN_DATA]);
  } else if (known && attached && frame->type == MESSAGE_STDIN_END && client->stdin_allowed) {
    end_stdin(monitor, client);
  } else if (known && attached && frame->type == MESSAGE_RESIZE) {
    terminal_resize(monitor, values[MESSAGE_RESIZE_ROWS].number, values[MESSAGE_RESIZE_COLUMNS].number);
  } else {
    client_refuse(client, REFUSAL_PROTOCOL);
  }
}

/* Whoever looks after the process is gone; there may be no agent either. */
static void kill_for_owner(const struct monitor *monitor) {
  long ignored = syscall(SYS_pidfd_send_signal, monitor->launch->child_pidfd, SIGKILL, NULL, 0);
  (void)ignored;                   /* it has ended */
}

/* Nobody holds the process back any more; what was kept for the owner is in the log, if there is one. */
void owner_gone(struct monitor *monitor) {
  buffer_free(&monitor->pending);
  monitor->owner_awaited = 0;
  monitor->owner_deadline = NEVER;
  if (!monitor->terminal) stdin_close(monitor);
  if (monitor->ends_with_owner && !monitor->reaped) kill_for_owner(monitor);
}
