/*
 * What a monitor reads from a client. The first byte of an input says who the client is and what the process has, the rest is
 * what it sends. Nothing is started: the process is none, its streams are /dev/null.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../monitor/monitor.h"

#define MAX_STREAM 60000
/* Frames of no bytes at all: more turns than that no input takes. */
#define MAX_TURNS 20000
static const char TICKET[] = "a-ticket-for-all";

/* Instead of confine.c, which would confine the fuzzer. */
int confine(int tree) {
  (void)tree;
  return 0;
}

/* Instead of the steps, which would bring in all others. */
int counters_read(const struct counters *counters, uint32_t event, struct counted *sum) {
  (void)counters, (void)event, (void)sum;
  return -ENOENT;
}

static void read_away(int socket) {
  char away[4096];
  while (recv(socket, away, sizeof away, MSG_DONTWAIT) > 0) {}
}

static void serve(struct monitor *monitor, int peer) {
  for (int turn = 0; turn < MAX_TURNS && monitor->clients != NULL; turn++) {
    struct client *client = monitor->clients;
    uint32_t received = client->received;
    int ended = client->input_ended, events = client_events(client);
    if ((events & POLLIN) != 0) client_receive(monitor, client);
    client_flush(client);
    stdin_push_all(monitor);
    read_away(peer);
    int stuck = (events & POLLIN) == 0 && client->out.length == 0 && client->received == received;
    if (ended || stuck) client->dead = 1;
    clients_sweep(monitor);
  }
  if (monitor->clients != NULL && monitor->clients->out.length > DRAIN_BYTES) abort();
}

static void set_up(struct monitor *monitor, uint8_t how) {
  struct value ticket = { .bytes = TICKET, .length = sizeof TICKET - 1 };
  monitor->terminal = (how >> 2) & 1;
  monitor->state = (how >> 3) & 1 ? MONITOR_STATE_RUNNING : MONITOR_STATE_PREPARED;
  monitor->started = (how >> 3) & 1;
  monitor->owner_awaited = (how >> 4) & 1;
  if (ticket_grant(monitor, ATTACH_ROLE_CONTROL, &ticket) < 0 || ticket_grant(monitor, ATTACH_ROLE_OWNER, &ticket) < 0 ||
      ticket_grant(monitor, ATTACH_ROLE_OBSERVER, &ticket) < 0)
    abort();
}

static const int ROLES[] = { ROLE_NONE, ATTACH_ROLE_CONTROL, ATTACH_ROLE_OWNER, ATTACH_ROLE_OBSERVER };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct value values[MAX_VALUES] = { 0 };
  int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (size == 0 || null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
    if (null >= 0) close(null);
    return 0;
  }
  struct launch launch = {
    .values = values, .control = -1, .sync = -1, .child_pidfd = -1, .mount_namespace = -1, .stdin_write = null,
    .stdout_read = -1, .stderr_read = -1, .tracking_kill = -1, .state_directory = -1, .log_directory = -1,
    .listener = -1, .fork_server = -1,
  };
  struct monitor monitor = {
    .launch = &launch, .slave = -1, .accept_deadline = NEVER, .owner_deadline = NEVER, .drain_deadline = NEVER,
    .failing_deadline = NEVER, .tree_deadline = NEVER, .orphans = -1,
  };
  set_up(&monitor, data[0]);
  size_t sent = size - 1 < MAX_STREAM ? size - 1 : MAX_STREAM;
  if (sent > 0 && write(ends[0], data + 1, sent) != (ssize_t)sent) abort();
  shutdown(ends[0], SHUT_WR);
  struct client *client = client_add(&monitor, ends[1], ROLES[data[0] & 3]);
  if (client == NULL) abort();
  client->stdin_allowed = 1;
  serve(&monitor, ends[0]);
  for (client = monitor.clients; client != NULL; client = client->next) client->dead = 1;
  clients_sweep(&monitor);
  buffer_free(&monitor.pending);
  tickets_free(&monitor);
  descriptor_close(&launch.stdin_write);
  close(ends[0]);
  return 0;
}

void fuzz_change(uint8_t *data, size_t size, uint32_t *state) {
  uint32_t changes = 1 + fuzz_random(state) % 4;
  while (changes-- > 0) data[fuzz_random(state) % size] = (uint8_t)fuzz_random(state);
}
