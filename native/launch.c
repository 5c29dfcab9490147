/* A launch, from its frame to the moment the monitor takes over. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"

#define NAMESPACE_FLAGS                                                                                      \
  ((uint64_t)(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP | \
              CLONE_NEWUSER | CLONE_NEWTIME))
#define MAX_TERMINAL_SIDE 65535
#define KILL_DEADLINE_MS 2000
#define READER_DEADLINE_MS 2000

/* Why a launch ended before the monitor took over. */
struct refusal {
  uint64_t phase;
  uint32_t step;
  const char *detail;
};

static uint64_t number_of(const struct launch *launch, int position) {
  return launch->values[position].number;
}

static const char *text_of(const struct launch *launch, int position) {
  return launch->values[position].bytes;
}

static int is_session(const struct launch *launch) {
  return number_of(launch, MESSAGE_LAUNCH_KIND) == LAUNCH_KIND_SESSION;
}

static int is_tree(const struct launch *launch) { return number_of(launch, MESSAGE_LAUNCH_KIND) == LAUNCH_KIND_TREE; }

static void init(struct launch *launch, const struct worker *worker, const struct value *values, uint64_t received_us) {
  memset(launch, 0, sizeof *launch);
  launch->values = values;
  launch->control = worker->connection;
  launch->fork_server = worker->registration;
  launch->received_us = received_us;
  launch->sync = launch->mount_namespace = launch->child_pidfd = launch->tracking_kill = launch->listener = -1;
  launch->stdin_write = launch->stdout_read = launch->stderr_read = -1;
  launch->state_directory = launch->log_directory = -1;
  for (int stream = 0; stream < 3; stream++) launch->child_stdio[stream] = -1;
}

static void set_title(const struct launch *launch) {
  const char *path = text_of(launch, MESSAGE_LAUNCH_SOCKET_PATH), *name = strrchr(path, '/');
  process_set_title("monitor", name == NULL ? path : name + 1);
}

static int check_kind(const struct launch *launch, struct refusal *why) {
  uint64_t flags = number_of(launch, MESSAGE_LAUNCH_CLONE_FLAGS);
  uint64_t enter = number_of(launch, MESSAGE_LAUNCH_ENTER_NAMESPACES);
  why->detail = "kind";
  if (number_of(launch, MESSAGE_LAUNCH_KIND) > LAUNCH_KIND_TREE) return -EINVAL;
  why->detail = "trackingCgroup";
  if (is_tree(launch) && *text_of(launch, MESSAGE_LAUNCH_TRACKING_CGROUP) != 0) return -EINVAL;
  why->detail = "cloneFlags";
  if ((flags & ~NAMESPACE_FLAGS) != 0 || (is_session(launch) && flags != 0)) return -EINVAL;
  why->detail = "enterNamespaces";
  if ((enter & ~NAMESPACE_FLAGS) != 0 || (!is_session(launch) && enter != 0)) return -EINVAL;
  why->detail = "enterPid";
  uint64_t pid = number_of(launch, MESSAGE_LAUNCH_ENTER_PID);
  return is_session(launch) && (pid == 0 || pid > INT32_MAX) ? -EINVAL : 0;
}

/* Everything that can be known to be wrong before anything is done. */
static int check(const struct launch *launch, struct refusal *why) {
  const struct value *child_steps = &launch->values[MESSAGE_LAUNCH_CHILD_STEPS];
  uint64_t stdio = number_of(launch, MESSAGE_LAUNCH_STDIO);
  int result = check_kind(launch, why);
  if (result < 0) return result;
  why->detail = "stdio";
  if (stdio != STDIO_PIPES && stdio != STDIO_TERMINAL) return -EINVAL;
  why->detail = "terminal size";
  if (number_of(launch, MESSAGE_LAUNCH_ROWS) > MAX_TERMINAL_SIDE) return -EINVAL;
  if (number_of(launch, MESSAGE_LAUNCH_COLUMNS) > MAX_TERMINAL_SIDE) return -EINVAL;
  why->detail = "logFormat";
  if (number_of(launch, MESSAGE_LAUNCH_LOG_FORMAT) > LOG_FORMAT_RAW) return -EINVAL;
  why->detail = "hostSteps";
  result = steps_check(&launch->values[MESSAGE_LAUNCH_HOST_STEPS], STEP_WHERE_HOST | STEP_WHERE_BEFORE);
  if (result < 0) return result;
  why->detail = "childSteps";
  result = steps_check(child_steps, STEP_WHERE_CHILD);
  if (result < 0) return result;
  if (!steps_contain(child_steps, STEP_AWAIT_START) || steps_last(child_steps) != STEP_EXEC) return -EINVAL;
  /* One that waits for nobody would wait for ever. */
  int waits = steps_contain(&launch->values[MESSAGE_LAUNCH_HOST_STEPS], STEP_AWAIT_MOUNTS);
  return steps_contain(child_steps, STEP_AWAIT_HOOKS) == waits ? 0 : -EINVAL;
}

/* The process of a session or a tree dies alone; the group that a session is born in is its container's. */
static int announce(const struct launch *launch, pid_t process) {
  const struct registration monitor = { .kind = REGISTRATION_MONITOR, .process = process };
  const char *tracking = is_session(launch) ? "" : text_of(launch, MESSAGE_LAUNCH_TRACKING_CGROUP);
  const char *state_directory = text_of(launch, MESSAGE_LAUNCH_STATE_DIRECTORY);
  int result = registration_send(launch->fork_server, &monitor, tracking, state_directory);
  /* A fork server that was just killed has no say: its monitors go on without it, this one too. */
  return result == -EPIPE ? 0 : result;
}

static int open_tracking(struct launch *launch) {
  const char *path = text_of(launch, MESSAGE_LAUNCH_TRACKING_CGROUP);
  if (*path == 0 || is_session(launch)) return 0;
  int result = group_make_own(path, launch->values[MESSAGE_LAUNCH_TRACKING_LEVELS].number);
  if (result < 0) return result;
  int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -errno;
  launch->tracking_kill = openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  /* v1, and v2 before Linux 5.14, have no such file: whoever destroys the container kills one by one. */
  result = launch->tracking_kill < 0 && errno != ENOENT ? -errno : 0;
  close(directory);
  return result;
}

static int prepare(struct launch *launch, struct refusal *why) {
  int result = check(launch, why);
  if (result < 0) return result;
  why->phase = FAILURE_PHASE_CLONE;
  why->detail = text_of(launch, MESSAGE_LAUNCH_STATE_DIRECTORY);
  result = announce(launch, 0);
  if (result < 0) return result;
  why->detail = text_of(launch, MESSAGE_LAUNCH_TRACKING_CGROUP);
  result = is_tree(launch) ? tree_track() : open_tracking(launch);
  if (result < 0) return result;
  why->detail = "pipes";
  return stdio_open(launch);
}

/* The first process of a pid namespace cannot die by a signal: how its command did is told in a page that both of us see. */
static int share_end(struct launch *launch) {
  if (number_of(launch, MESSAGE_LAUNCH_REAPER) == 0) return 0;
  void *page = mmap(NULL, sizeof *launch->command_end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return -errno;
  launch->command_end = page;
  return 0;
}

static int start_child(struct launch *launch, const struct birth *birth, struct refusal *why) {
  int ends[2], must_join;
  why->phase = FAILURE_PHASE_CLONE;
  why->detail = "clone";
  int shared = share_end(launch);
  if (shared < 0) return shared;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  launch->sync = ends[0];
  pid_t pid = launch_clone(launch, birth, &must_join);
  if (pid == 0) child_main(launch, ends[1], must_join);
  close(ends[1]);
  stdio_close_child(launch);
  if (pid < 0) return pid;
  launch->child = pid;
  timing_mark(launch, "clone");
  return is_tree(launch) ? announce(launch, pid) : 0;
}

/* The child of a session has forked what enters the pid namespace, as our child: that one counts from here on. */
static int adopt(struct launch *launch, pid_t pid) {
  siginfo_t ignored;
  if (pid == launch->child) return 0;
  /* Whoever could trace the new process could have it speak first: a pid that is not of our child is not to be killed one day. */
  if (pid <= 0 || waitid(P_PID, (id_t)pid, &ignored, WEXITED | WNOHANG | WNOWAIT) < 0) return -EPROTO;
  waitpid(launch->child, NULL, 0);
  close(launch->child_pidfd);
  launch->child = pid;
  launch->child_pidfd = process_pidfd(pid);
  return launch->child_pidfd < 0 ? launch->child_pidfd : 0;
}

/* Joining the group of a frozen container never returns, so the agent's end of the connection is watched meanwhile. */
static int await_entered(struct launch *launch, struct sync_message *message, struct refusal *why) {
  struct pollfd watched[] = {
    { .fd = launch->sync, .events = POLLIN },
    { .fd = launch->control, .events = POLLRDHUP },
  };
  why->detail = "enter";
  while (watched[0].revents == 0) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return -errno;
    if (watched[1].revents != 0) return -ECANCELED;
  }
  int result = sync_receive(launch->sync, message, NULL, NULL);
  if (result <= 0) return result < 0 ? result : -ECHILD;
  if (message->kind == SYNC_FAILED) {
    *why = (struct refusal){ message->phase, message->step, message->detail };
    return -message->error;
  }
  if (message->kind != SYNC_CLONED) return -EPROTO;
  result = adopt(launch, message->pid);
  return result < 0 ? result : announce(launch, launch->child);
}

/*
 * The last holder of a mount namespace takes it apart, and waits for an RCU grace period (namespace_unlock in
 * fs/namespace.c): were it the dying child, its exit status would come that much later.
 */
static void hold_mount_namespace(struct launch *launch) {
  char path[64];
  if ((number_of(launch, MESSAGE_LAUNCH_CLONE_FLAGS) & CLONE_NEWNS) == 0) return;
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)launch->child);
  launch->mount_namespace = open(path, O_RDONLY | O_CLOEXEC);
}

/* The socket is made while the child is at work already. */
static int report_child(struct launch *launch, struct refusal *why) {
  why->detail = text_of(launch, MESSAGE_LAUNCH_SOCKET_PATH);
  int result = monitor_listen(launch);
  if (result < 0) return result;
  why->detail = "/proc";
  result = process_start_time(launch->child, &launch->start_time);
  if (result < 0) return result;
  /* An agent that is gone shows as the end of its connection, where the monitor handles it. */
  frame_send(launch->control, MESSAGE_CLONED, (uint64_t)launch->child, launch->start_time);
  hold_mount_namespace(launch);
  return 0;
}

/* The first of the host steps make what the child is born into. */
static int steps_before(struct launch *launch, struct step_context *context, struct refusal *why) {
  step_context_init(context, launch);
  why->phase = FAILURE_PHASE_HOST;
  why->detail = context->detail;
  return steps_run(context, &launch->values[MESSAGE_LAUNCH_HOST_STEPS], STEP_WHERE_BEFORE, &why->step);
}

static int host_steps(struct launch *launch, struct step_context *context, struct refusal *why) {
  why->phase = FAILURE_PHASE_HOST;
  why->detail = context->detail;
  int result = steps_run(context, &launch->values[MESSAGE_LAUNCH_HOST_STEPS], STEP_WHERE_HOST, &why->step);
  /* What the child had to say while it was waited for. */
  const struct sync_message *failure = &launch->failure;
  if (failure->kind == SYNC_FAILED) *why = (struct refusal){ failure->phase, failure->step, failure->detail };
  if (result < 0) return result;
  timing_mark(launch, "host-steps");
  return hand_over_finish(context);
}

/* A frozen child dies only when it is thawed; then the fork server reaps it. */
static void kill_child(struct launch *launch) {
  struct pollfd dead = { .fd = launch->child_pidfd, .events = POLLIN };
  if (launch->child <= 0) return;
  kill(launch->child, SIGKILL);
  poll(&dead, 1, KILL_DEADLINE_MS);
  waitpid(launch->child, NULL, WNOHANG);
}

/*
 * An agent that writes to a socket that is closed loses what it has not read yet. So it closes first, on our word; what it
 * says until then is read and forgotten.
 */
static void await_reader(int control) {
  struct pollfd agent = { .fd = control, .events = POLLIN };
  char forgotten[512];
  shutdown(control, SHUT_WR);
  while (poll(&agent, 1, READER_DEADLINE_MS) > 0 && read(control, forgotten, sizeof forgotten) > 0) continue;
}

/* Ends what was begun. What exists on the host by now is the engine's to remove. */
static int give_up(struct launch *launch, const struct refusal *why, int error) {
  kill_child(launch);
  frame_send(launch->control, MESSAGE_FAILED, why->phase, (uint64_t)why->step, (uint64_t)error, why->detail);
  await_reader(launch->control);
  return 0;
}

int launch_serve(const struct worker *worker, const struct value *values, uint64_t received_us) {
  struct launch launch;
  struct step_context context;
  struct sync_message message;
  struct refusal why = { .phase = FAILURE_PHASE_REQUEST, .detail = "" };
  init(&launch, worker, values, received_us);
  set_title(&launch);
  int result = prepare(&launch, &why);
  if (result >= 0) result = steps_before(&launch, &context, &why);
  if (result >= 0) result = start_child(&launch, &context.birth, &why);
  if (result >= 0) result = namespaces_return(&context);
  if (result >= 0 && is_session(&launch)) result = await_entered(&launch, &message, &why);
  if (result >= 0) result = report_child(&launch, &why);
  if (result >= 0) result = host_steps(&launch, &context, &why);
  return result < 0 ? give_up(&launch, &why, -result) : monitor_run(&launch);
}
