/*
 * A worker that tries ports for others: it connects as somebody in a container's network namespace would. A socket belongs to
 * the namespace that it was made in, so the worker enters that one for the making alone, and no program of the container runs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "steps/credentials.h"

/* At once; each holds a descriptor and what is read. The worker's descriptors have room for them (OPEN_FILES). */
#define MAX_ATTEMPTS 256
#define MAX_ANSWER_BYTES 65536
#define MAX_TIMEOUT_MS 86400000

struct attempt {
  uint64_t id, deadline_us;
  uint64_t settle_us;
  int is_connected, is_enough;           /* is_enough: `until` was read */
  char *memory;                          /* request, until and answer, one after the other */
  uint32_t request_bytes, until_bytes, most, sent, got;
};

/* `polled[0]` is the connection, `polled[n + 1]` belongs to `attempts[n]`. */
struct knocker {
  int connection;
  int home;                              /* the network namespace that we are of */
  int count;
  struct attempt attempts[MAX_ATTEMPTS];
  struct pollfd polled[MAX_ATTEMPTS + 1];
};

static const char *request_of(const struct attempt *attempt) { return attempt->memory; }
static const char *until_of(const struct attempt *attempt) { return attempt->memory + attempt->request_bytes; }
static char *answer_of(const struct attempt *attempt) {
  return attempt->memory + attempt->request_bytes + attempt->until_bytes;
}

static int tell(const struct knocker *knocker, const struct attempt *attempt, int error) {
  return frame_send(knocker->connection, MESSAGE_PORT_TRIED, attempt->id, (uint64_t)error,
                    (const void *)(attempt->memory == NULL ? "" : answer_of(attempt)), attempt->got);
}

static int read_address(const struct value *values, struct sockaddr_storage *address, socklen_t *length) {
  const char *text = values[MESSAGE_TRY_PORT_ADDRESS].bytes;
  uint64_t port = values[MESSAGE_TRY_PORT_PORT].number;
  struct sockaddr_in *four = (struct sockaddr_in *)address;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (port == 0 || port > UINT16_MAX) return -EINVAL;
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)port);
    *length = sizeof *four;
    return 0;
  }
  if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1) return -EINVAL;
  six->sin6_family = AF_INET6;
  six->sin6_port = htons((uint16_t)port);
  *length = sizeof *six;
  return 0;
}

/* Without the rights to enter a namespace there is only ours: whether the process is of that, too. */
static int is_at_home(const struct knocker *knocker, int process, pid_t pid) {
  char path[40];
  struct stat ours, theirs;
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
  if (fstat(knocker->home, &ours) < 0 || stat(path, &theirs) < 0) return 0;
  /* It was that process's only if it is still there. */
  struct pollfd ended = { .fd = process, .events = POLLIN };
  return poll(&ended, 1, 0) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* -ENOTRECOVERABLE: the way back is closed, so the worker must not go on. */
static int socket_beside(const struct knocker *knocker, const struct value *values, int family) {
  pid_t pid = (pid_t)values[MESSAGE_TRY_PORT_PID].number;
  int process = process_open(pid, values[MESSAGE_TRY_PORT_START_TIME].number);
  if (process < 0) return process;
  int error = setns(process, CLONE_NEWNET) < 0 ? -errno : 0;
  int has_left = error == 0;
  if (error == -EPERM && is_at_home(knocker, process, pid)) error = 0;
  close(process);
  if (error < 0) return error;
  int made = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) made = -errno;
  if (!has_left || setns(knocker->home, CLONE_NEWNET) == 0) return made;
  if (made >= 0) close(made);
  return -ENOTRECOVERABLE;
}

/* All that an attempt needs, in memory of its own. */
static int prepare(struct attempt *attempt, const struct value *values) {
  const struct value *request = &values[MESSAGE_TRY_PORT_REQUEST], *until = &values[MESSAGE_TRY_PORT_UNTIL];
  uint64_t most = values[MESSAGE_TRY_PORT_MAX_BYTES].number, ms = values[MESSAGE_TRY_PORT_TIMEOUT_MS].number;
  uint64_t settle_ms = values[MESSAGE_TRY_PORT_SETTLE_MS].number;
  if (most > MAX_ANSWER_BYTES || ms == 0 || ms > MAX_TIMEOUT_MS || settle_ms > MAX_TIMEOUT_MS) return -EINVAL;
  attempt->memory = malloc((size_t)request->length + until->length + most + 1);
  if (attempt->memory == NULL) return -ENOMEM;
  attempt->request_bytes = request->length;
  attempt->until_bytes = until->length;
  attempt->most = (uint32_t)most;
  memcpy(attempt->memory, request->bytes, request->length);
  memcpy(attempt->memory + request->length, until->bytes, until->length);
  attempt->deadline_us = clock_us() + ms * 1000;
  attempt->settle_us = settle_ms * 1000;
  return 0;
}

static int begin(const struct knocker *knocker, struct attempt *attempt, const struct value *values) {
  struct sockaddr_storage address;
  socklen_t length = 0;
  int error = read_address(values, &address, &length);
  if (error == 0) error = prepare(attempt, values);
  if (error < 0) return error;
  int descriptor = socket_beside(knocker, values, address.ss_family);
  if (descriptor < 0) return descriptor;
  if (connect(descriptor, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS) return descriptor;
  error = -errno;
  close(descriptor);
  return error;
}

static int add(struct knocker *knocker, const struct value *values) {
  struct attempt attempt = { .id = values[MESSAGE_TRY_PORT_ID].number };
  int descriptor = knocker->count == MAX_ATTEMPTS ? -ENOSPC : begin(knocker, &attempt, values);
  if (descriptor < 0) {
    int result = tell(knocker, &attempt, -descriptor);
    free(attempt.memory);
    return descriptor == -ENOTRECOVERABLE ? descriptor : result;
  }
  knocker->attempts[knocker->count++] = attempt;
  knocker->polled[knocker->count] = (struct pollfd){ .fd = descriptor, .events = POLLOUT };
  return 0;
}

/* The last one takes the place of the one that goes. */
static int finish(struct knocker *knocker, int index, int error) {
  struct attempt *attempt = &knocker->attempts[index];
  int result = tell(knocker, attempt, error);
  free(attempt->memory);
  close(knocker->polled[index + 1].fd);
  knocker->count--;
  *attempt = knocker->attempts[knocker->count];
  knocker->polled[index + 1] = knocker->polled[knocker->count + 1];
  return result;
}

/* A port of the kernel's own choice may be the very one that is tried: then the socket has met itself (RFC 9293, 3.5). */
static int has_met_itself(int descriptor) {
  struct sockaddr_storage ours, theirs;
  socklen_t length = sizeof ours, other = sizeof theirs;
  memset(&ours, 0, sizeof ours);
  memset(&theirs, 0, sizeof theirs);
  if (getsockname(descriptor, (struct sockaddr *)&ours, &length) < 0) return 0;
  if (getpeername(descriptor, (struct sockaddr *)&theirs, &other) < 0) return 0;
  return length == other && memcmp(&ours, &theirs, length) == 0;
}

/* 1 it is over, 0 go on, or why it failed. */
static int meet(struct attempt *attempt, int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
  if (error != 0) return -error;
  if (has_met_itself(descriptor)) return -ECONNREFUSED;
  attempt->is_connected = 1;
  return attempt->request_bytes == 0;
}

static int send_more(struct attempt *attempt, struct pollfd *polled) {
  uint32_t left = attempt->request_bytes - attempt->sent;
  ssize_t sent = send(polled->fd, request_of(attempt) + attempt->sent, left, MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  attempt->sent += (uint32_t)sent;
  if (attempt->sent == attempt->request_bytes) polled->events = POLLIN;
  return 0;
}

/* From here on the end of the answer is waited for, but not for long. */
static int look_for_enough(struct attempt *attempt, uint64_t now_us) {
  if (attempt->until_bytes == 0 || attempt->is_enough) return 0;
  if (memmem(answer_of(attempt), attempt->got, until_of(attempt), attempt->until_bytes) == NULL) return 0;
  attempt->is_enough = 1;
  if (now_us + attempt->settle_us < attempt->deadline_us) attempt->deadline_us = now_us + attempt->settle_us;
  return 0;
}

static int read_more(struct attempt *attempt, int descriptor, uint64_t now_us) {
  for (;;) {
    uint32_t room = attempt->most - attempt->got;
    if (room == 0) return 1;
    ssize_t got = recv(descriptor, answer_of(attempt) + attempt->got, room, 0);
    if (got == 0) return 1;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) return -errno;
    if (got < 0) break;
    attempt->got += (uint32_t)got;
  }
  return look_for_enough(attempt, now_us);
}

static int advance(struct attempt *attempt, struct pollfd *polled, uint64_t now_us) {
  int result = 0;
  if (polled->revents & POLLNVAL) return -EBADF;
  if (polled->revents != 0 && !attempt->is_connected) result = meet(attempt, polled->fd);
  if (result == 0 && polled->revents != 0) {
    result = polled->events == POLLIN ? read_more(attempt, polled->fd, now_us) : send_more(attempt, polled);
  }
  if (result != 0 || now_us < attempt->deadline_us) return result;
  return attempt->is_enough ? 1 : -ETIMEDOUT;
}

static int advance_all(struct knocker *knocker) {
  uint64_t now_us = clock_us();
  int result = 0;
  /* Downwards: what takes the place of one that goes has been looked at. */
  for (int index = knocker->count - 1; index >= 0 && result >= 0; index--) {
    int seen = advance(&knocker->attempts[index], &knocker->polled[index + 1], now_us);
    if (seen != 0) result = finish(knocker, index, seen < 0 ? -seen : 0);
  }
  return result;
}

/* Milliseconds to the next deadline, -1 for none. */
static int patience_ms(const struct knocker *knocker) {
  uint64_t now_us = clock_us(), next_us = UINT64_MAX;
  for (int index = 0; index < knocker->count; index++) {
    if (knocker->attempts[index].deadline_us < next_us) next_us = knocker->attempts[index].deadline_us;
  }
  if (next_us == UINT64_MAX) return -1;
  return next_us <= now_us ? 0 : (int)((next_us - now_us) / 1000) + 1;
}

/* 0 the connection is over, 1 go on. */
static int serve_frame(struct knocker *knocker) {
  struct value values[MAX_VALUES];
  struct frame frame;
  int result = frame_read(knocker->connection, &frame);
  if (result <= 0) return 0;
  result = frame.type == MESSAGE_TRY_PORT
               ? wire_decode(wire_message_signature(frame.type), frame.payload, frame.length, values)
               : -EPROTO;
  if (result >= 0) result = add(knocker, values);
  frame_free(&frame);
  return result >= 0;
}

/* What is read comes from containers: nobody who got this far by it has more than the way into namespaces. */
static int give_rights_up(void) {
  const uint64_t kept = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SYS_PTRACE;
  struct capability_sets sets;
  int error = capabilities_get(&sets);
  if (error < 0) return error;
  sets.permitted &= kept;
  sets.effective = sets.permitted;
  sets.inheritable = 0;
  error = capabilities_set(&sets);
  if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) error = -errno;
  return error;
}

void port_serve(int connection, const struct value *first) {
  struct knocker knocker = { .connection = connection };
  knocker.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  knocker.polled[0] = (struct pollfd){ .fd = connection, .events = POLLIN };
  if (knocker.home < 0 || give_rights_up() < 0 || add(&knocker, first) < 0) return;
  for (;;) {
    if (poll(knocker.polled, (nfds_t)knocker.count + 1, patience_ms(&knocker)) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (advance_all(&knocker) < 0) return;
    if (knocker.polled[0].revents != 0 && !serve_frame(&knocker)) return;
  }
}
