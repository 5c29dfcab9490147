/* The end: reap, kill what is left, drain the output, write the status, tell everybody. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor.h"
#include "text.h"

/* Nothing of the container outlives its first process; a v1 group is the engine's to empty. */
static void kill_group(struct monitor *monitor) {
  if (monitor->kind == LAUNCH_KIND_TREE) {
    monitor->tree_left = 1;
    monitor->tree_deadline = now_ms() + TREE_WAIT_MS;
  }
  if (monitor->kind != LAUNCH_KIND_CONTAINER || monitor->launch->tracking_kill < 0) return;
  ssize_t ignored = write(monitor->launch->tracking_kill, "1", 1);
  (void)ignored;                   /* the engine removes the group and sees whether it is empty */
  descriptor_close(&monitor->launch->tracking_kill);
}

/*
 * How the command of a reaper ended, of which that one could only say 128 and the number of the signal. What it has told is
 * taken for nothing more: it lives where it could be traced.
 */
static int end_of_command(const struct launch *launch, int status) {
  int told = launch->command_end == NULL ? 0 : *(volatile int *)launch->command_end & 0xff;
  int agrees = WIFEXITED(status) && WIFSIGNALED(told) && WEXITSTATUS(status) == 128 + WTERMSIG(told);
  return agrees ? told : status;
}

/* Called when the pidfd has become readable. */
void ending_reap(struct monitor *monitor) {
  if (monitor->reaped) return;
  int status = 0;
  pid_t pid = wait4(monitor->launch->child, &status, WNOHANG | __WALL, NULL);
  if (pid == 0) return;
  if (pid < 0) _exit(1);           /* no status to tell: the fork server records the process as lost */
  monitor->reaped = 1;
  monitor->wait_status = end_of_command(monitor->launch, status);
  monitor->ended_at_ms = clock_wall_ms();
  descriptor_close(&monitor->launch->child_pidfd);
  descriptor_close(&monitor->slave);
  stdin_close(monitor);
  kill_group(monitor);
  monitor->drain_deadline = now_ms() + DRAIN_WAIT_MS;
}

static void write_status(struct monitor *monitor) {
  int directory = monitor->launch->state_directory;
  char bytes[96];
  struct text text = {.bytes = bytes, .capacity = sizeof bytes};
  if (directory < 0) return;
  text_add(&text, "exited ");
  text_number(&text, (uint64_t)(uint32_t)monitor->wait_status);
  text_add(&text, " ");
  text_number(&text, monitor->ended_at_ms);
  text_add(&text, monitor->output_whole ? " 1\n" : " 0\n");
  int file = openat(directory, "status.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  int written = file >= 0 && write(file, text.bytes, text.length) == (ssize_t)text.length;
  descriptor_close(&file);
  monitor->status_missing = !written || renameat(directory, "status.new", directory, "status") < 0;
}

static void tell_exited(struct monitor *monitor) {
  monitor->state = MONITOR_STATE_EXITED;
  for (struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->role != ROLE_NONE && !client->closing) client_exited(monitor, client);
  }
}

/* Once the process is reaped: finishes when the output has ended or its time is up. */
void ending_advance(struct monitor *monitor) {
  struct launch *launch = monitor->launch;
  if (!monitor->reaped || monitor->failing || monitor->state == MONITOR_STATE_EXITED) return;
  if (monitor->tree_left) tree_sweep(monitor);
  if (monitor->tree_left) return;
  int drained = launch->stdout_read < 0 && launch->stderr_read < 0;
  if (!drained && now_ms() < monitor->drain_deadline) return;
  monitor->output_whole = drained;
  monitor->drain_deadline = NEVER;
  descriptor_close(&launch->stdout_read);
  descriptor_close(&launch->stderr_read);
  log_close(&monitor->log);
  write_status(monitor);
  tell_exited(monitor);
}

static int failing_over(const struct monitor *monitor) {
  if (now_ms() >= monitor->failing_deadline) return 1;
  if (!monitor->reaped) return 0;
  for (const struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->role == ATTACH_ROLE_CONTROL && client->out.length > 0) return 0;
  }
  return 1;
}

/* Whether the monitor has nothing more to do: nobody to serve, nobody to wait for. */
int ending_over(const struct monitor *monitor) {
  if (monitor->failing) return failing_over(monitor);
  if (monitor->state != MONITOR_STATE_EXITED || monitor->owner_awaited) return 0;
  for (const struct client *client = monitor->clients; client != NULL; client = client->next) {
    if (client->role != ATTACH_ROLE_CONTROL || !monitor->released || client->out.length > 0) return 0;
  }
  return 1;
}
