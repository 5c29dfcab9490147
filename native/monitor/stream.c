/*
 * The process's streams. Output goes to the log, then to the owner, who holds the process back when it does not read,
 * and to observers, who never do. Input comes from every client that may give some.
 */
#include <errno.h>
#include <unistd.h>

#include "monitor.h"

/* What waits for the owner, attached or not yet; NULL when nobody owns the output. */
static const struct buffer *owner_queue(const struct monitor *monitor) {
  const struct client *owner = client_with_role(monitor, ATTACH_ROLE_OWNER);
  if (owner != NULL) return &owner->out;
  return monitor->owner_awaited ? &monitor->pending : NULL;
}

/* Whether output may be read now: its owner has come, or the process is over, and the owner keeps up. */
short output_wanted(const struct monitor *monitor, int descriptor) {
  if (descriptor < 0) return 0;
  const struct buffer *queue = owner_queue(monitor);
  if (queue == NULL) return POLLIN;
  if (queue == &monitor->pending && !monitor->reaped) return 0;
  return queue->length < (monitor->reaped ? DRAIN_BYTES : LAG_BYTES) ? POLLIN : 0;
}

static void send_gap(struct client *client, int stream) {
  struct payload payload = {0};
  payload_number(&payload, (uint64_t)stream);
  payload_number(&payload, client->gap[stream - 1]);
  client->gap[stream - 1] = 0;
  client_frame(client, MESSAGE_GAP, &payload);
}

static void show(struct client *client, int stream, const char *data, uint32_t length) {
  if (client->role == ATTACH_ROLE_OBSERVER && client->out.length + length > LAG_BYTES) {
    client->gap[stream - 1] += length;
    return;
  }
  if (client->gap[stream - 1] > 0) send_gap(client, stream);
  client_stream(client, stream == 1 ? MESSAGE_STDOUT : MESSAGE_STDERR, data, length);
}

static void hand_out(struct monitor *monitor, int stream, const char *data, uint32_t length) {
  log_write(&monitor->log, stream, data, length);
  int type = stream == 1 ? MESSAGE_STDOUT : MESSAGE_STDERR;
  if (monitor->owner_awaited && pending_stream(&monitor->pending, (uint8_t)type, data, length) < 0) owner_gone(monitor);
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    int watches = client->role == ATTACH_ROLE_OWNER || client->role == ATTACH_ROLE_OBSERVER;
    if (watches && !client->closing && !client->dead) show(client, stream, data, length);
  }
}

void output_read(struct monitor *monitor, int stream) {
  int *descriptor = stream == 1 ? &monitor->launch->stdout_read : &monitor->launch->stderr_read;
  monitor->restless = 1;
  if (monitor->scratch == NULL) monitor->scratch = pages_take(READ_BYTES);
  if (monitor->scratch == NULL) return;
  ssize_t got = read(*descriptor, monitor->scratch, READ_BYTES);
  if (got > 0) {
    hand_out(monitor, stream, monitor->scratch, (uint32_t)got);
    return;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  descriptor_close(descriptor);    /* end of file; for a terminal EIO: nobody has it open any more */
}

void output_idle(struct monitor *monitor) {
  pages_give(monitor->scratch, READ_BYTES);
  monitor->scratch = NULL;
  log_idle(&monitor->log);
  if (monitor->restless) footprint_shrink();
  monitor->restless = 0;
}

int stdin_descriptor(const struct monitor *monitor) {
  return monitor->terminal ? monitor->launch->stdout_read : monitor->launch->stdin_write;
}

int stdin_waits(const struct monitor *monitor) {
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->stdin_left > 0 && !client->dead) return 1;
  }
  return 0;
}

/* Bytes that nobody will read are thrown away, as a closed pipe would. A terminal that is still to come is waited for. */
void stdin_push(struct monitor *monitor, struct client *client) {
  int descriptor = stdin_descriptor(monitor);
  if (descriptor < 0 && monitor->terminal && monitor->state < MONITOR_STATE_RUNNING) return;
  ssize_t written = (ssize_t)client->stdin_left;
  if (descriptor >= 0) written = write(descriptor, client->stdin_data, client->stdin_left);
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (written < 0) {
    if (!monitor->terminal) stdin_close(monitor);
    written = (ssize_t)client->stdin_left;
  }
  client_stdin_taken(client, (uint32_t)written);
}

void stdin_push_all(struct monitor *monitor) {
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->stdin_left > 0 && !client->dead) stdin_push(monitor, client);
  }
}

void stdin_close(struct monitor *monitor) {
  descriptor_close(&monitor->launch->stdin_write);
}
