/*
 * The fork server: one process that listens and forks. It is the subreaper of every container, so what a dead monitor
 * leaves behind comes to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"

#define IDLE_MS 30000
#define BACKLOG 512
#define LOCK_TRIES 500
#define LOCK_RETRY_US 10000

struct fork_server {
  struct sockaddr_un address;
  char lock_path[PATH_MAX];
  int listener;                    /* -1 once it retires */
  int lock;
  int signals;
  int registration[2];
  int idle_ms;                     /* it ends after so long without a child */
  const char *instance_lock;       /* whose holder owns the groups that we are in, or NULL: they are left as they are */
  struct registry registry;
};

static int complain(const char *what, const char *name, int error) {
  dprintf(STDERR_FILENO, "isopod-helper: %s %s: %s\n", what, name, strerror(error));
  return 1;
}

/* Standard input is null and the others are the log: what forks from here prints nowhere else. */
static int redirect(const char *log_path) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return complain("cannot open", "/dev/null", errno);
  int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (log < 0) return complain("cannot open log", log_path, errno);
  if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) return complain("cannot redirect to", log_path, errno);
  process_close_from(3);
  return 0;
}

static int is_served(const struct fork_server *server) {
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return 0;
  int result = connect(probe, (const struct sockaddr *)&server->address, sizeof server->address);
  close(probe);
  return result == 0;
}

/*
 * A record lock: it belongs to this process alone. One by flock(2) would be shared with every monitor, and a dead fork
 * server could not be replaced while one of them lives. 1: taken by another who serves; one that is ending is waited for.
 */
static int take_lock(struct fork_server *server) {
  server->lock = open(server->lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (server->lock < 0) return -errno;
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  for (int tries = 0; tries < LOCK_TRIES; tries++) {
    if (fcntl(server->lock, F_SETLK, &whole) == 0) return 0;
    if (errno != EAGAIN && errno != EACCES) return -errno;
    if (is_served(server)) return 1;
    usleep(LOCK_RETRY_US);
  }
  return 1;
}

static int start_listening(struct fork_server *server) {
  server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (server->listener < 0) return -errno;
  if (unlink(server->address.sun_path) < 0 && errno != ENOENT) return -errno;
  mode_t before = umask(0177);
  int result = bind(server->listener, (struct sockaddr *)&server->address, sizeof server->address) < 0 ? -errno : 0;
  umask(before);
  if (result < 0) return result;
  return listen(server->listener, BACKLOG) < 0 ? -errno : 0;
}

static int open_channels(struct fork_server *server) {
  sigset_t watched;
  process_reset_signals();
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &watched, NULL) < 0) return -errno;
  signal(SIGPIPE, SIG_IGN);
  server->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (server->signals < 0) return -errno;
  if (pipe2(server->registration, O_CLOEXEC | O_DIRECT) < 0) return -errno;
  /* Only our end: monitors wait when the pipe is full. */
  if (fcntl(server->registration[0], F_SETFL, O_NONBLOCK | O_DIRECT) < 0) return -errno;
  return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

/* In a forked process: lets go of everything that is the fork server's. */
static void leave_server(struct fork_server *server) {
  sigset_t none;
  sigemptyset(&none);
  close(server->listener);
  close(server->lock);
  close(server->signals);
  close(server->registration[0]);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static int peer_is_us(int connection) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

static void fork_worker(struct fork_server *server, int connection) {
  pid_t pid = peer_is_us(connection) ? fork() : -1;
  if (pid == 0) {
    leave_server(server);
    struct worker worker = { connection, server->registration[1], server->address.sun_path };
    _exit(worker_main(&worker));
  }
  if (pid > 0 && registry_add(&server->registry, pid) < 0) kill(pid, SIGKILL);
  close(connection);
}

static void accept_all(struct fork_server *server) {
  for (;;) {
    int connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection >= 0) fork_worker(server, connection);
    else if (errno != EINTR && errno != ECONNABORTED) return;
  }
}

/*
 * Serves who had connected before, then no one. A successor may come at once where children go on under us; else the
 * lock is kept until the groups are gone, so that no successor meets their removal.
 */
static void retire(struct fork_server *server) {
  if (server->listener < 0) return;
  unlink(server->address.sun_path);
  accept_all(server);
  close(server->listener);
  server->listener = -1;
  if (registry_monitors(&server->registry) == 0) return;
  close(server->lock);
  server->lock = -1;
}

/*
 * Whoever holds the instance's lock owns its groups: an agent that has just started, or one with another state directory.
 * A lock whose directory is gone has no holder.
 */
static int may_dissolve(const struct fork_server *server) {
  if (server->lock < 0 || server->instance_lock == NULL) return 0;
  int lock = open(server->instance_lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  return lock < 0 ? errno == ENOENT : flock(lock, LOCK_EX | LOCK_NB) == 0;
}

/* The process of a session whose monitor died is our child now, or it was reaped and its pid means nothing any more. */
static void kill_orphan(pid_t pid) {
  siginfo_t ignored;
  if (pid > 0 && waitid(P_PID, (id_t)pid, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0) kill(pid, SIGKILL);
}

static void settle(struct fork_server *server, const struct child_entry *monitor, int status) {
  const char *state_directory = monitor->text + monitor->tracking_bytes;
  dprintf(STDERR_FILENO, "monitor %d of %s died with wait status %d: killing what it watched\n", (int)monitor->pid,
          state_directory, status);
  kill_orphan(monitor->process);
  pid_t pid = fork();
  if (pid == 0) {
    leave_server(server);
    _exit(lost_settle(monitor->text, state_directory));
  }
  if (pid > 0) registry_add(&server->registry, pid);
}

/* A monitor registers before it can die, so the pipe is read between learning of a death and looking the dead up. */
static void reap_all(struct fork_server *server) {
  struct signalfd_siginfo ignored[8];
  int left_behind = 0;
  while (read(server->signals, ignored, sizeof ignored) > 0) {}
  for (;;) {
    siginfo_t dead = { 0 };
    if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) < 0 || dead.si_pid == 0) break;
    if (registry_drain(&server->registry, server->registration[0])) retire(server);
    int status = 0;
    waitpid(dead.si_pid, &status, 0);
    struct child_entry entry;
    if (!registry_take(&server->registry, dead.si_pid, &entry)) {
      left_behind = 1;
      continue;
    }
    if (entry.text != NULL && status != 0) {
      settle(server, &entry, status);
      left_behind = 1;
    }
    free(entry.text);
  }
  if (left_behind) registry_kill_strays(&server->registry);
}

static int serve(struct fork_server *server) {
  while (server->listener >= 0 || server->registry.count > 0) {
    struct pollfd watched[] = {
      { .fd = server->listener, .events = POLLIN },
      { .fd = server->signals, .events = POLLIN },
      { .fd = server->registration[0], .events = POLLIN },
    };
    int ready = poll(watched, 3, server->registry.count == 0 ? server->idle_ms : -1);
    if (ready < 0 && errno != EINTR) return 1;
    if (ready == 0) retire(server);
    if (ready <= 0) continue;
    if (watched[1].revents != 0) reap_all(server);
    if (watched[2].revents != 0 && registry_drain(&server->registry, server->registration[0])) retire(server);
    if (server->listener >= 0 && watched[0].revents != 0) accept_all(server);
  }
  return 0;
}

static int set_paths(struct fork_server *server, const char *socket_path) {
  size_t length = strlen(socket_path);
  if (length >= sizeof server->address.sun_path) return complain("socket path too long:", socket_path, ENAMETOOLONG);
  server->address.sun_family = AF_UNIX;
  memcpy(server->address.sun_path, socket_path, length + 1);
  snprintf(server->lock_path, sizeof server->lock_path, "%s.lock", socket_path);
  return 0;
}

static int join_groups(char **groups) {
  for (; *groups != NULL; groups++) {
    int result = group_enter(*groups);
    if (result < 0) return complain("cannot join group", *groups, -result);
  }
  return 0;
}

static int parse_number(const char *text, int *number) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end != 0 || value <= 0 || value > INT_MAX) return -EINVAL;
  *number = (int)value;
  return 0;
}

/* --idle-ms N and --instance-lock PATH, in front of all else. Returns how many arguments they took. */
static int parse_options(struct fork_server *server, int argc, char **argv) {
  server->idle_ms = IDLE_MS;
  int taken = 0;
  for (; taken + 1 < argc && strncmp(argv[taken], "--", 2) == 0; taken += 2) {
    int result = 0;
    if (strcmp(argv[taken], "--idle-ms") == 0) result = parse_number(argv[taken + 1], &server->idle_ms);
    else if (strcmp(argv[taken], "--instance-lock") == 0) server->instance_lock = argv[taken + 1];
    else result = -EINVAL;
    if (result < 0) return result;
  }
  return taken;
}

int fork_server_main(int argc, char **argv) {
  static struct fork_server server = { .listener = -1, .lock = -1, .signals = -1 };
  int taken = parse_options(&server, argc, argv);
  if (taken < 0 || argc - taken < 2) {
    return complain("usage:", "fork-server [--idle-ms N] [--instance-lock PATH] SOCKET LOG [CGROUP...]", EINVAL);
  }
  argv += taken;
  if (set_paths(&server, argv[0]) != 0 || redirect(argv[1]) != 0) return 1;
  int result = take_lock(&server);
  if (result == 1) return 0;
  if (result < 0) return complain("cannot lock", server.lock_path, -result);
  if (join_groups(argv + 2) != 0) return 1;
  /* Fails where we are a session leader already. */
  setsid();
  umask(022);
  if (chdir("/") < 0) return complain("cannot enter", "/", errno);
  result = process_limit_open_files();
  if (result == 0) result = open_channels(&server);
  if (result == 0) result = start_listening(&server);
  if (result < 0) return complain("cannot listen on", argv[0], -result);
  result = serve(&server);
  if (!may_dissolve(&server)) return result;
  for (char **group = argv + 2; *group != NULL; group++) group_dissolve(*group);
  return result;
}
