/* The loop: builds the set of what is waited for from the state, waits, serves what is ready. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "monitor.h"

enum { ON_SYNC, ON_STDOUT, ON_STDERR, ON_STDIN, ON_CHILD, ON_ORPHANS, ON_LISTENER, ON_CLIENTS };

struct ready {
  struct pollfd polled[ON_CLIENTS + MAX_CLIENTS];
  struct client *clients[MAX_CLIENTS];
  nfds_t count;
};

uint64_t now_ms(void) { return clock_us() / 1000; }

void descriptor_close(int *descriptor) {
  if (*descriptor >= 0) close(*descriptor);
  *descriptor = -1;
}

/* poll(2) skips negative descriptors; one that nothing is wanted of is left out, or its hang-up would wake us for ever. */
static void watch(struct ready *ready, int position, int descriptor, short events) {
  ready->polled[position] = (struct pollfd){.fd = events != 0 ? descriptor : -1, .events = events};
}

static void collect(const struct monitor *monitor, struct ready *ready) {
  const struct launch *launch = monitor->launch;
  int accepts = monitor->client_count < MAX_CLIENTS && monitor->accept_deadline == NEVER;
  watch(ready, ON_SYNC, launch->sync, POLLIN);
  watch(ready, ON_STDOUT, launch->stdout_read, output_wanted(monitor, launch->stdout_read));
  watch(ready, ON_STDERR, launch->stderr_read, output_wanted(monitor, launch->stderr_read));
  watch(ready, ON_STDIN, stdin_descriptor(monitor), stdin_waits(monitor) ? POLLOUT : 0);
  watch(ready, ON_CHILD, launch->child_pidfd, POLLIN);
  watch(ready, ON_ORPHANS, monitor->orphans, POLLIN);
  watch(ready, ON_LISTENER, launch->listener, accepts ? POLLIN : 0);
  ready->count = 0;
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    struct pollfd polled = {.fd = client->descriptor, .events = client_events(client)};
    ready->polled[ON_CLIENTS + ready->count] = polled;
    ready->clients[ready->count++] = client;
  }
}

static uint64_t next_deadline(const struct monitor *monitor) {
  uint64_t next = monitor->owner_deadline;
  if (monitor->drain_deadline < next) next = monitor->drain_deadline;
  if (monitor->accept_deadline < next) next = monitor->accept_deadline;
  if (monitor->failing_deadline < next) next = monitor->failing_deadline;
  for (const struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->deadline < next) next = client->deadline;
  }
  return next;
}

static int timeout(const struct monitor *monitor) {
  uint64_t deadline = next_deadline(monitor);
  if (monitor->tree_left) return TREE_ROUND_MS;
  if (deadline == NEVER) return monitor->restless ? LINGER_MS : -1;
  uint64_t now = now_ms();
  uint64_t left = deadline > now ? deadline - now : 0;
  return (int)(monitor->restless && left > LINGER_MS ? LINGER_MS : left);
}

static void expire(struct monitor *monitor) {
  uint64_t now = now_ms();
  if (monitor->owner_deadline <= now) owner_gone(monitor);
  if (monitor->accept_deadline <= now) monitor->accept_deadline = NEVER;
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->deadline <= now) client->dead = 1;
  }
}

static void serve_client(struct monitor *monitor, struct client *client, const struct pollfd *polled) {
  if ((polled->revents & POLLOUT) != 0) client_flush(client);
  if ((polled->revents & POLLIN) != 0 && !client->dead) {
    client_receive(monitor, client);
    return;                        /* what a peer sent before it closed is read first */
  }
  if ((polled->revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) client->dead = 1;
}

/* What the child said before it ended comes first: a failure, exec. */
static void serve_end(struct monitor *monitor) {
  struct pollfd polled = {.fd = monitor->launch->sync, .events = POLLIN};
  while (monitor->launch->sync >= 0 && poll(&polled, 1, 0) > 0) {
    barrier_receive(monitor);
    polled.fd = monitor->launch->sync;
  }
  ending_reap(monitor);
  if (monitor->reaped && monitor->launch->sync >= 0) sync_ended(monitor);
}

static void serve(struct monitor *monitor, const struct ready *ready) {
  const struct pollfd *polled = ready->polled;
  for (nfds_t i = 0; i < ready->count; i++) {
    if (polled[ON_CLIENTS + i].revents != 0) serve_client(monitor, ready->clients[i], &polled[ON_CLIENTS + i]);
  }
  if (polled[ON_SYNC].revents != 0 && monitor->launch->sync >= 0) barrier_receive(monitor);
  if (polled[ON_STDOUT].revents != 0 && monitor->launch->stdout_read >= 0) output_read(monitor, 1);
  if (polled[ON_STDERR].revents != 0 && monitor->launch->stderr_read >= 0) output_read(monitor, 2);
  if (polled[ON_STDIN].revents != 0) stdin_push_all(monitor);
  if (polled[ON_CHILD].revents != 0) serve_end(monitor);
  if (polled[ON_ORPHANS].revents != 0) tree_reap(monitor);
  if (polled[ON_LISTENER].revents != 0) attach_accept(monitor);
}

static int loop(struct monitor *monitor) {
  struct ready ready;
  for (;;) {
    clients_sweep(monitor);
    ending_advance(monitor);
    clients_sweep(monitor);        /* those that the end has served completely */
    if (ending_over(monitor)) return 0;
    collect(monitor, &ready);
    int count = poll(ready.polled, ON_CLIENTS + ready.count, timeout(monitor));
    if (count < 0 && errno != EINTR) return 1;
    if (count == 0) output_idle(monitor);
    if (count > 0) serve(monitor, &ready);
    expire(monitor);
  }
}

static int begin(struct monitor *monitor, struct launch *launch) {
  const struct value *values = launch->values;
  /* All is registered. Who could write here later could make the fork server kill what it likes. */
  descriptor_close(&launch->fork_server);
  *monitor = (struct monitor){
    .launch = launch,
    .kind = (int)values[MESSAGE_LAUNCH_KIND].number,
    .terminal = values[MESSAGE_LAUNCH_STDIO].number == STDIO_TERMINAL,
    .slave = -1,
    .owner_awaited = values[MESSAGE_LAUNCH_OWNED].number != OWNED_NO,
    .ends_with_owner = values[MESSAGE_LAUNCH_OWNED].number == OWNED_TO_THE_END,
    .owner_deadline = NEVER, .drain_deadline = NEVER, .failing_deadline = NEVER, .accept_deadline = NEVER,
    .tree_deadline = NEVER,
  };
  terminal_resize(monitor, values[MESSAGE_LAUNCH_ROWS].number, values[MESSAGE_LAUNCH_COLUMNS].number);
  monitor->log.format = (int)values[MESSAGE_LAUNCH_LOG_FORMAT].number;
  monitor->log.directory = launch->log_directory;
  monitor->log.max_bytes = values[MESSAGE_LAUNCH_LOG_MAX_BYTES].number;
  monitor->log.max_files = (uint32_t)values[MESSAGE_LAUNCH_LOG_MAX_FILES].number;
  log_open(&monitor->log);
  const struct value *control = &values[MESSAGE_LAUNCH_CONTROL_TICKET], *owner = &values[MESSAGE_LAUNCH_OWNER_TICKET];
  if (control->length > 0 && ticket_grant(monitor, ATTACH_ROLE_CONTROL, control) < 0) return -EINVAL;
  if (owner->length > 0 && ticket_grant(monitor, ATTACH_ROLE_OWNER, owner) < 0) return -EINVAL;
  if (client_add(monitor, launch->control, ATTACH_ROLE_CONTROL) == NULL) return -ENOMEM;
  launch->control = -1;            /* from here on one client among others, closed as such */
  return tree_begin(monitor);
}

static void end(struct monitor *monitor) {
  struct launch *launch = monitor->launch;
  unlinkat(AT_FDCWD, launch->values[MESSAGE_LAUNCH_SOCKET_PATH].bytes, 0);
  descriptor_close(&launch->listener);
  while (monitor->clients != NULL) {
    for (struct client *client = monitor->clients; client != NULL; client = client->next) client->dead = 1;
    clients_sweep(monitor);
  }
  log_close(&monitor->log);
  buffer_free(&monitor->pending);
  tickets_free(monitor);
  output_idle(monitor);
}

int monitor_run(struct launch *launch) {
  struct monitor monitor = {.orphans = -1};
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);        /* a write over a file size limit is an error like a full disk */
  signal(SIGCHLD, SIG_DFL);        /* ignored, the kernel would reap for us and the status be lost */
  int result = begin(&monitor, launch);
  if (result < 0) launch_give_up(&monitor);
  int code = loop(&monitor);
  end(&monitor);
  /* Then the fork server records the process as lost. */
  if (monitor.status_missing && !monitor.released) code = 1;
  return result < 0 ? 1 : code;
}
