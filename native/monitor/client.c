/* One connection: frames in, queued bytes out, its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor.h"

#define HEADER_BYTES 8
#define DISCARD_READS 16

struct client *client_add(struct monitor *monitor, int descriptor, int role) {
  struct client *client = calloc(1, sizeof *client);
  if (client == NULL) return NULL;
  client->descriptor = descriptor;
  client->role = role;
  client->deadline = role == ROLE_NONE ? now_ms() + HANDSHAKE_WAIT_MS : NEVER;
  client->next = monitor->clients;
  monitor->clients = client;
  monitor->client_count++;
  return client;
}

struct client *client_with_role(const struct monitor *monitor, int role) {
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->role == role && !client->dead) return client;
  }
  return NULL;
}

/*
 * All has been said. The other half stays open until the peer has seen that, for a peer that still writes to a closed
 * socket may never read what we sent before.
 */
static void part(struct client *client) {
  if (client->parting || client->dead) return;
  client->parting = 1;
  client->deadline = now_ms() + PARTING_WAIT_MS;
  if (shutdown(client->descriptor, SHUT_WR) < 0) client->dead = 1;
}

void client_end(struct client *client) {
  client->closing = 1;
  if (client->out.length == 0) part(client);
}

void client_flush(struct client *client) {
  while (client->out.length > 0 && !client->dead) {
    void *front = client->out.bytes + client->out.start;
    ssize_t sent = send(client->descriptor, front, client->out.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) return;
    if (sent < 0) client->dead = 1;
    else buffer_consume(&client->out, (size_t)sent);
  }
  if (client->closing && client->out.length == 0) part(client);
}

short client_events(const struct client *client) {
  short events = client->out.length > 0 ? POLLOUT : 0;
  if (client->parting) return POLLIN;
  int readable = !client->input_ended && !client->closing && client->stdin_left == 0;
  int stream = client->role == ATTACH_ROLE_OWNER || client->role == ATTACH_ROLE_OBSERVER;
  if (readable && (stream || client->out.length < ANSWER_BYTES)) events |= POLLIN;
  return events;
}

static uint32_t frame_length(const struct client *client) {
  uint32_t length;
  memcpy(&length, client->header, sizeof length);
  return length;
}

/* Payloads live in pages of their own: freed, they weigh nothing, which the heap does not promise. */
static void frame_done(struct client *client) {
  pages_give(client->payload, frame_length(client) + 1);
  client->payload = NULL;
  client->stdin_data = NULL;
  client->stdin_left = 0;
  client->received = 0;
}

static void dispatch(struct monitor *monitor, struct client *client, uint32_t length) {
  struct frame frame = {.type = client->header[4], .length = length, .payload = client->payload};
  if (client->role == ATTACH_ROLE_CONTROL) control_frame(monitor, client, &frame);
  else attach_frame(monitor, client, &frame);
  if (client->stdin_left == 0) frame_done(client);
}

void client_stdin_taken(struct client *client, uint32_t bytes) {
  client->stdin_data += bytes;
  client->stdin_left -= bytes;
  if (client->stdin_left == 0) frame_done(client);
}

/* What the peer may not do: a frame over its bound. A peer of the agent's own connection is cut off the same way. */
static int bad_length(const struct client *client, uint32_t length) {
  uint32_t bound = client->role == ATTACH_ROLE_OWNER || client->role == ATTACH_ROLE_OBSERVER ? MAX_STREAM_BYTES : 512;
  return length > bound;
}

static void input_end(struct monitor *monitor, struct client *client) {
  client->input_ended = 1;
  if (client->role == ATTACH_ROLE_CONTROL || client->role == ROLE_NONE) client->dead = 1;
  if (client->role == ATTACH_ROLE_OWNER && client->stdin_allowed && !monitor->terminal) stdin_close(monitor);
}

static ssize_t receive(struct client *client, void *into, size_t bytes) {
  ssize_t result;
  do result = recv(client->descriptor, into, bytes, MSG_DONTWAIT);
  while (result < 0 && errno == EINTR);
  return result;
}

/* Reads away what comes from one to whom all has been said. @return whether it may send more */
static int discard(const struct client *client) {
  char away[1024];
  for (int i = 0; i < DISCARD_READS; i++) {
    ssize_t got = recv(client->descriptor, away, sizeof away, MSG_DONTWAIT);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return 1;
}

/* Reads what belongs to the present frame, at most the frame itself: one turn of the loop handles one frame a client. */
void client_receive(struct monitor *monitor, struct client *client) {
  if (client->parting) {
    if (!discard(client)) client->dead = 1;
    return;
  }
  if (client->received < HEADER_BYTES) {
    ssize_t got = receive(client, client->header + client->received, HEADER_BYTES - client->received);
    if (got == 0) input_end(monitor, client);
    if (got < 0 && errno != EAGAIN) client->dead = 1;
    if (got <= 0) return;
    client->received += (uint32_t)got;
    if (client->received < HEADER_BYTES) return;
  }
  uint32_t length = frame_length(client);
  if (bad_length(client, length)) {
    client_refuse(client, REFUSAL_PROTOCOL);
    return;
  }
  /* Most requests of an agent have none. */
  if (client->payload == NULL && length > 0) client->payload = pages_take(length + 1);
  if (client->payload == NULL && length > 0) {
    client->dead = 1;
    return;
  }
  uint32_t have = client->received - HEADER_BYTES;
  if (have < length) {
    ssize_t got = receive(client, client->payload + have, length - have);
    if (got == 0 || (got < 0 && errno != EAGAIN)) client->dead = 1;
    if (got <= 0) return;
    client->received += (uint32_t)got;
  }
  if (client->received - HEADER_BYTES == length) dispatch(monitor, client, length);
}

static void client_free(struct client *client) {
  discard(client);                 /* closed with unread bytes, a unix socket would reset the peer */
  close(client->descriptor);
  buffer_free(&client->out);
  frame_done(client);
  free(client);
}

void clients_sweep(struct monitor *monitor) {
  struct client **link = &monitor->clients;
  int controls_lost = 0, owners_lost = 0;
  while (*link != NULL) {
    struct client *client = *link;
    if (!client->dead) {
      link = &client->next;
      continue;
    }
    *link = client->next;
    monitor->client_count--;
    controls_lost += client->role == ATTACH_ROLE_CONTROL;
    owners_lost += client->role == ATTACH_ROLE_OWNER;
    client_free(client);
  }
  if (owners_lost > 0) owner_gone(monitor);
  if (controls_lost > 0 && client_with_role(monitor, ATTACH_ROLE_CONTROL) == NULL) control_gone(monitor);
}
