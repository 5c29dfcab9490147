/* Frames that the monitor sends. A frame goes out at once as far as the socket takes it; the rest is queued. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "monitor.h"

#define MAX_FRAMES_AT_ONCE 3

void payload_bytes(struct payload *payload, const void *bytes, uint32_t length) {
  if (length > sizeof payload->bytes - payload->length) length = sizeof payload->bytes - payload->length;
  memcpy(payload->bytes + payload->length, bytes, length);
  payload->length += length;
}

void payload_number(struct payload *payload, uint64_t number) { payload_bytes(payload, &number, sizeof number); }

void payload_string(struct payload *payload, const char *string) {
  uint32_t length = (uint32_t)strnlen(string, DETAIL_BYTES - 1);
  payload_bytes(payload, &length, sizeof length);
  payload_bytes(payload, string, length);
  payload_bytes(payload, "", 1);
}

/* The eight bytes in front of every payload. */
static void frame_header(unsigned char header[8], uint8_t type, uint32_t length) {
  memset(header, 0, 8);
  memcpy(header, &length, sizeof length);
  header[4] = type;
}

static void put(struct client *client, struct iovec *parts, int count) {
  if (client->dead) return;
  size_t sent = 0;
  if (client->out.length == 0) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t result = sendmsg(client->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) client->dead = 1;
    if (result > 0) sent = (size_t)result;
  }
  if (!client->dead && buffer_append(&client->out, parts, count, sent) < 0) client->dead = 1;
}

void client_frame(struct client *client, uint8_t type, const struct payload *payload) {
  unsigned char header[8];
  uint32_t length = payload == NULL ? 0 : payload->length;
  frame_header(header, type, length);
  struct iovec parts[] = {{header, sizeof header}, {payload == NULL ? NULL : (void *)payload->bytes, length}};
  put(client, parts, length > 0 ? 2 : 1);
}

static int stream_parts(struct iovec parts[2], unsigned char header[12], uint8_t type, const char *data,
                        uint32_t length) {
  frame_header(header, type, length + 4);
  memcpy(header + 8, &length, sizeof length);
  parts[0] = (struct iovec){header, 12};
  parts[1] = (struct iovec){(void *)data, length};
  return 2;
}

void client_stream(struct client *client, uint8_t type, const char *data, uint32_t length) {
  unsigned char header[12];
  struct iovec parts[2];
  put(client, parts, stream_parts(parts, header, type, data, length));
}

void client_raw(struct client *client, void *frames, size_t length) {
  struct iovec part = {frames, length};
  if (length > 0) put(client, &part, 1);
}

int pending_stream(struct buffer *pending, uint8_t type, const char *data, uint32_t length) {
  unsigned char header[12];
  struct iovec parts[2];
  return buffer_append(pending, parts, stream_parts(parts, header, type, data, length), 0);
}

void client_refuse(struct client *client, uint64_t reason) {
  struct payload payload = {0};
  payload_number(&payload, reason);
  client_frame(client, MESSAGE_REFUSED, &payload);
  client_end(client);
}

void client_done(struct client *client) { client_frame(client, MESSAGE_DONE, NULL); }

void client_failed(struct client *client, uint64_t phase, uint64_t error, const char *detail) {
  struct payload payload = {0};
  payload_number(&payload, phase);
  payload_number(&payload, 0);
  payload_number(&payload, error);
  payload_string(&payload, detail);
  client_frame(client, MESSAGE_FAILED, &payload);
}

void controls_frame(struct monitor *monitor, uint8_t type, const struct payload *payload) {
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->role == ATTACH_ROLE_CONTROL) client_frame(client, type, payload);
  }
}

/* Several frames in one piece, so that they wake their reader once. */
void controls_frames(struct monitor *monitor, const struct outgoing *frames, int count) {
  unsigned char headers[MAX_FRAMES_AT_ONCE][8];
  struct iovec parts[2 * MAX_FRAMES_AT_ONCE];
  for (int i = 0; i < count; i++) {
    const struct payload *payload = frames[i].payload;
    uint32_t length = payload == NULL ? 0 : payload->length;
    frame_header(headers[i], frames[i].type, length);
    parts[2 * i] = (struct iovec){headers[i], sizeof headers[i]};
    parts[2 * i + 1] = (struct iovec){payload == NULL ? NULL : (void *)payload->bytes, length};
  }
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->role == ATTACH_ROLE_CONTROL) put(client, parts, 2 * count);
  }
}

/* What this client has missed, then the end of the process. */
void client_exited(struct monitor *monitor, struct client *client) {
  for (uint64_t stream = 1; stream <= 2; stream++) {
    if (client->gap[stream - 1] == 0) continue;
    struct payload gap = {0};
    payload_number(&gap, stream);
    payload_number(&gap, client->gap[stream - 1]);
    client->gap[stream - 1] = 0;
    client_frame(client, MESSAGE_GAP, &gap);
  }
  struct payload payload = {0};
  payload_number(&payload, (uint64_t)(uint32_t)monitor->wait_status);
  payload_number(&payload, monitor->ended_at_ms);
  payload_number(&payload, (uint64_t)monitor->output_whole);
  client_frame(client, MESSAGE_EXITED, &payload);
  if (client->role != ATTACH_ROLE_CONTROL) client_end(client);
}
