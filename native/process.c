/* Facts about processes, and what every new process of a container starts from. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

/* Descriptors that are tried one by one where close_range(2) is refused by a filter. */
#define DESCRIPTORS_TRIED 4096
#define START_TIME_FIELD 22
#define SIGNALS 64
/* What the kernel gives a process to begin with (INR_OPEN_CUR), and systemd a service. */
#define OPEN_FILES 1024
#define STACK_BYTES (8 << 20)

static void put_pid(char *at, pid_t pid) {
  char digits[16];
  int count = 0;
  do digits[count++] = (char)('0' + pid % 10);
  while ((pid /= 10) > 0);
  while (count > 0) *at++ = digits[--count];
  *at = 0;
}

/* The command name, field 2, may hold spaces and parentheses: fields are counted from its last one. */
static int parse_start_time(char *text, uint64_t *start_time) {
  char *at = strrchr(text, ')');
  if (at == NULL) return -EIO;
  for (int field = 2; field < START_TIME_FIELD; field++) {
    at = strchr(at + 1, ' ');
    if (at == NULL) return -EIO;
  }
  *start_time = strtoull(at + 1, NULL, 10);
  return 0;
}

int process_start_time(pid_t pid, uint64_t *start_time) {
  char path[40] = "/proc/", text[1024];
  if (pid <= 0) return -ESRCH;
  put_pid(path + 6, pid);
  strcat(path, "/stat");
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT ? -ESRCH : -errno;
  ssize_t got = read(file, text, sizeof text - 1);
  int error = errno;
  close(file);
  if (got < 0) return -error;
  text[got] = 0;
  return parse_start_time(text, start_time);
}

pid_t process_of_pidfd(int pidfd) {
  char path[40] = "/proc/self/fdinfo/", text[1024];
  put_pid(path + 18, pidfd);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  ssize_t got = read(file, text, sizeof text - 1);
  int error = errno;
  close(file);
  if (got < 0) return -error;
  text[got] = 0;
  /* -1 once the process was reaped (pidfd_show_fdinfo, kernel/fork.c). */
  const char *line = strstr(text, "\nPid:");
  long pid = line == NULL ? 0 : strtol(line + 5, NULL, 10);
  return pid > 0 ? (pid_t)pid : -ESRCH;
}

int process_pidfd(pid_t pid) {
  int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
  return descriptor < 0 ? -errno : descriptor;
}

int process_open(pid_t pid, uint64_t start_time) {
  uint64_t found;
  int pidfd = process_pidfd(pid);
  if (pidfd < 0) return pidfd;
  /* Read after the pidfd was made: if it is the wanted start time, the pidfd is of the wanted process. */
  int result = process_start_time(pid, &found);
  if (result == 0 && found == start_time) return pidfd;
  close(pidfd);
  return result < 0 ? result : -ESRCH;
}

void process_reset_signals(void) {
  /* As the kernel lays it out. Asked directly, for libc refuses the two signals that it keeps for itself. */
  const struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } standard = { 0 };
  const uint64_t none = 0;
  for (int number = 1; number <= SIGNALS; number++) {
    syscall(SYS_rt_sigaction, number, &standard, NULL, sizeof standard.mask);
  }
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

void process_restore_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

int process_limit_open_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  if (limit.rlim_cur <= OPEN_FILES) return 0;
  limit.rlim_cur = OPEN_FILES;
  return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static void forget_badness(void) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t ignored = write(file, "0", 1);
  (void)ignored;
  close(file);
}

void process_forget_priority(void) {
  const struct sched_param ordinary = { 0 };
  cpu_set_t all;
  memset(&all, 0xff, sizeof all);
  sched_setscheduler(0, SCHED_OTHER, &ordinary);
  setpriority(PRIO_PROCESS, 0, 0);
  sched_setaffinity(0, sizeof all, &all);
  syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0);
  forget_badness();
}

void process_forget_limits(void) {
  static const struct { int resource; rlim_t soft; } ordinary[] = {
    { RLIMIT_CPU, RLIM_INFINITY },  { RLIMIT_FSIZE, RLIM_INFINITY }, { RLIMIT_DATA, RLIM_INFINITY },
    { RLIMIT_STACK, STACK_BYTES },  { RLIMIT_CORE, 0 },              { RLIMIT_RSS, RLIM_INFINITY },
    { RLIMIT_AS, RLIM_INFINITY },   { RLIMIT_NPROC, RLIM_INFINITY }, { RLIMIT_LOCKS, RLIM_INFINITY },
    { RLIMIT_RTTIME, RLIM_INFINITY },
  };
  for (size_t i = 0; i < sizeof ordinary / sizeof *ordinary; i++) {
    struct rlimit limit = { .rlim_cur = ordinary[i].soft, .rlim_max = RLIM_INFINITY };
    if (setrlimit(ordinary[i].resource, &limit) == 0) continue;
    /* Without CAP_SYS_RESOURCE what was taken for good stays taken. */
    if (getrlimit(ordinary[i].resource, &limit) < 0) continue;
    limit.rlim_cur = ordinary[i].soft < limit.rlim_max ? ordinary[i].soft : limit.rlim_max;
    setrlimit(ordinary[i].resource, &limit);
  }
}

int process_leave_keyring(void) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) >= 0) return 0;
  /* A kernel without keys, or a filter that keeps the container from them just as well. */
  return errno == ENOSYS || errno == EPERM ? 0 : -errno;
}

void process_close_from(unsigned first) {
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  for (unsigned descriptor = first; descriptor < DESCRIPTORS_TRIED; descriptor++) close((int)descriptor);
}

void process_close_on_exec_from(unsigned first) {
  if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (unsigned descriptor = first; descriptor < DESCRIPTORS_TRIED; descriptor++) {
    fcntl((int)descriptor, F_SETFD, FD_CLOEXEC);
  }
}

/*
 * The argument strings lie one after the other where the kernel put them, the first at libc's program_invocation_name,
 * the last right before the end of the array that `environ` follows.
 */
void process_set_title(const char *role, const char *name) {
  char *at = program_invocation_name, *last = environ[-2];
  if (last < at) return;
  size_t room = (size_t)(last - at) + strlen(last);
  memset(at, 0, room);
  const char *parts[] = { "isopod-helper", " ", role, *name == 0 ? "" : " ", name };
  for (size_t part = 0; part < sizeof parts / sizeof *parts; part++) {
    size_t length = strnlen(parts[part], room);
    memcpy(at, parts[part], length);
    at += length;
    room -= length;
  }
}

uint64_t clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
