/* Steps that let a child be born into namespaces that are there already, or have settings before anybody is in them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "descriptors.h"
#include "paths.h"
#include "report.h"

#define NANOSECONDS 1000000000
#define RETURNED_KINDS 4
#define ENTERED (CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS)

static const struct { int flag; const char *path; } RETURNED[RETURNED_KINDS] = {
    {CLONE_NEWIPC, "/proc/self/ns/ipc"},
    {CLONE_NEWNET, "/proc/self/ns/net"},
    {CLONE_NEWUTS, "/proc/self/ns/uts"},
    {CLONE_NEWPID, "/proc/self/ns/pid"},
};

/* The maps of the user namespace are those of the container, too, and its files show its owners by them. */
static int look_up_user(struct step_context *context, int process, pid_t pid) {
  char path[40];
  context->birth.process = fcntl(process, F_DUPFD_CLOEXEC, 0);
  if (context->birth.process < 0)
    return report(context, -errno, "process");
  snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
  context->user_namespace = open(path, O_RDONLY | O_CLOEXEC);
  if (context->user_namespace < 0)
    return report(context, errno == ENOENT ? -ESRCH : -errno, path);
  /* It was this process's, unless that has ended meanwhile. */
  return syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) < 0 ? report(context, -errno, path) : 0;
}

int step_enter_namespaces(struct step_context *context, const struct value *values) {
  uint64_t flags = values[STEP_ENTER_NAMESPACES_FLAGS].number;
  uint64_t pid = values[STEP_ENTER_NAMESPACES_PID].number;
  if ((flags & ~(uint64_t)(ENTERED | CLONE_NEWUSER)) != 0 || flags == 0)
    return report_number(context, -EINVAL, "namespace flags", flags);
  int error = check_at_most(context, "pid", pid, INT32_MAX);
  if (error < 0)
    return error;
  cleanup_close int process = process_open((pid_t)pid, values[STEP_ENTER_NAMESPACES_START_TIME].number);
  if (process < 0)
    return report_number(context, process, "process", pid);
  for (int kind = 0; kind < RETURNED_KINDS; kind++) {
    if ((flags & (uint64_t)RETURNED[kind].flag) == 0 || context->home_namespaces[kind] >= 0)
      continue;
    context->home_namespaces[kind] = open(RETURNED[kind].path, O_RDONLY | O_CLOEXEC);
    if (context->home_namespaces[kind] < 0)
      return report(context, -errno, RETURNED[kind].path);
  }
  context->birth.flags |= (int)flags & (CLONE_NEWPID | CLONE_NEWUSER);
  if ((flags & ENTERED) != 0 && setns(process, (int)flags & ENTERED) < 0)
    return report_number(context, -errno, "namespaces of process", pid);
  /* From a user namespace there is no way back: only the child is born into it. */
  return (flags & CLONE_NEWUSER) != 0 ? look_up_user(context, process, (pid_t)pid) : 0;
}

int namespaces_return(struct step_context *context) {
  if (context->birth.process >= 0)
    close(context->birth.process);
  context->birth.process = -1;
  for (int kind = 0; kind < RETURNED_KINDS; kind++) {
    if (context->home_namespaces[kind] < 0)
      continue;
    if (setns(context->home_namespaces[kind], RETURNED[kind].flag) < 0)
      return report(context, -errno, RETURNED[kind].path);
    close(context->home_namespaces[kind]);
    context->home_namespaces[kind] = -1;
  }
  return 0;
}

/* Seconds are rounded down, so that nanoseconds are never negative (time_namespaces(7)). */
static void format_offset(char *text, size_t size, const char *clock, uint64_t offset) {
  int64_t seconds = (int64_t)offset / NANOSECONDS, rest = (int64_t)offset % NANOSECONDS;
  if (rest < 0) {
    seconds--;
    rest += NANOSECONDS;
  }
  snprintf(text, size, "%s %lld %lld", clock, (long long)seconds, (long long)rest);
}

int step_make_time_namespace(struct step_context *context, const struct value *values) {
  char monotonic[64], boottime[64], both[160];
  format_offset(monotonic, sizeof(monotonic), "monotonic", values[STEP_MAKE_TIME_NAMESPACE_MONOTONIC_NS].number);
  format_offset(boottime, sizeof(boottime), "boottime", values[STEP_MAKE_TIME_NAMESPACE_BOOTTIME_NS].number);
  int length = snprintf(both, sizeof(both), "%s\n%s\n", monotonic, boottime);
  if (unshare(CLONE_NEWTIME) < 0)
    return report(context, -errno, "time namespace");
  /* Settled by the first process that enters, which is the child (time_namespaces(7)). */
  cleanup_close int file = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, both, (size_t)length) != length) {
    int error = -errno;
    snprintf(both, sizeof(both), "time offsets %s, %s", monotonic, boottime);
    return report(context, error, both);
  }
  return 0;
}

/* In a process of its own that shares our descriptors: mounts can be copied only from where one stands. */
static int clone_from_inside(int process, pid_t pid, const char *path, int result) {
  char link[40];
  struct statfs status;
  snprintf(link, sizeof(link), "/proc/%d/root", (int)pid);
  cleanup_close int root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return -errno;
  if (setns(process, CLONE_NEWNS) < 0)
    return -errno;
  cleanup_close int found = path_open(root, path, O_PATH | O_DIRECTORY, 0);
  if (found < 0)
    return found;
  if (fstatfs(found, &status) < 0)
    return -errno;
  if (status.f_type != TMPFS_MAGIC)
    return -ENODEV;
  cleanup_close int tree = open_tree(found, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0)
    return -errno;
  struct mount_attr wanted = {
      .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
      .propagation = MS_PRIVATE,
  };
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &wanted, sizeof(wanted)) < 0 && errno != ENOSYS && errno != EPERM)
    return -errno;
  return dup3(tree, result, O_CLOEXEC) < 0 ? -errno : 0;
}

int step_clone_tree_of(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_CLONE_TREE_OF_PATH].bytes;
  uint64_t pid = values[STEP_CLONE_TREE_OF_PID].number;
  int error = check_at_most(context, "pid", pid, INT32_MAX);
  if (error < 0)
    return error;
  cleanup_close int process = process_open((pid_t)pid, values[STEP_CLONE_TREE_OF_START_TIME].number);
  if (process < 0)
    return report_number(context, process, "process", pid);
  cleanup_close int result = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (result < 0)
    return report(context, -errno, "/");
  long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (child < 0)
    return report(context, -errno, "clone");
  if (child == 0)
    _exit(-clone_from_inside(process, (pid_t)pid, path, result));
  int status;
  while (waitpid((pid_t)child, &status, 0) < 0) {
    if (errno != EINTR)
      return report(context, -errno, path);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return report(context, WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO, path);
  return slot_fill(context, values[STEP_CLONE_TREE_OF_SLOT].number, descriptor_keep(&result));
}
