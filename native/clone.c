/* Making the child, on the best call that the kernel (or a filter in front of it) offers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"

/* The older call; with CLONE_PIDFD it takes the place of the pidfd where clone3 has a field of its own. */
static pid_t clone_before_clone3(uint64_t flags, int *pidfd) {
#if defined(__x86_64__) || defined(__aarch64__)
  return (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, 0, pidfd, 0, 0);
#else
#error "clone(2) takes its arguments in an order of its own here"
#endif
}

static pid_t clone_into(uint64_t flags, int *pidfd, int group) {
  struct clone_args arguments = {
    .flags = flags | CLONE_PIDFD | (group >= 0 ? CLONE_INTO_CGROUP : 0),
    .pidfd = (uint64_t)(uintptr_t)pidfd,
    .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD,
    .cgroup = group >= 0 ? (uint64_t)group : 0,
  };
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

/* What a kernel without the call or the flag answers, and a filter that refuses what it does not know. */
static int not_offered(int error) {
  return error == ENOSYS || error == EINVAL || error == E2BIG || error == EPERM || error == EOPNOTSUPP;
}

/* On the best call there is. The group is one of v2, or -1. */
static pid_t clone_child(uint64_t flags, int *pidfd, int group, int *must_join) {
  *must_join = 0;
  pid_t pid = clone_into(flags, pidfd, group);
  if (pid < 0 && not_offered(errno)) {
    *must_join = group >= 0;
    pid = clone_before_clone3(flags, pidfd);
  }
  return pid < 0 ? -errno : pid;
}

static int enter_user_namespace(const struct birth *birth) {
  if ((birth->flags & CLONE_NEWUSER) == 0) return 0;
  /* Another one sets dumpable anew (proc_sys_fs(5), suid_dumpable). */
  return setns(birth->process, CLONE_NEWUSER) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
}

/*
 * A pid namespace is made by who lives in the one around it, and who has entered a user namespace finds no way back. So
 * a process between us and the child does it; with CLONE_PARENT the child is ours, and it knows nothing of the other.
 */
static pid_t clone_between(const struct birth *birth, uint64_t flags, int *pidfd, int group, int *must_join) {
  /* Shares our descriptors: the pidfd comes back in the place of this one. */
  int place = open("/dev/null", O_RDONLY | O_CLOEXEC), status;
  if (place < 0) return -errno;
  /* Who lives where it goes could read the memory of the helper through /proc. */
  pid_t between = prctl(PR_SET_DUMPABLE, 0) < 0 ? -1 : (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (between == 0) {
    int result = enter_user_namespace(birth);
    if (result == 0) result = clone_child(flags | CLONE_PARENT, pidfd, group, must_join);
    if (result == 0) return 0;
    if (result > 0) result = dup3(*pidfd, place, O_CLOEXEC) < 0 ? -errno : 0;
    _exit(-result);
  }
  int result = between < 0 ? -errno : 0;
  while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR) {}
  /* Killed with the pid namespace that it was in; the child, if there is one, was too. */
  if (result == 0) result = WIFEXITED(status) ? -WEXITSTATUS(status) : -ESRCH;
  if (result == 0) result = process_of_pidfd(place);
  if (result < 0) close(place);
  else *pidfd = place;
  return result;
}

pid_t launch_clone(struct launch *launch, const struct birth *birth, int *must_join) {
  uint64_t flags = launch->values[MESSAGE_LAUNCH_CLONE_FLAGS].number;
  const char *tracking = launch->values[MESSAGE_LAUNCH_TRACKING_CGROUP].bytes;
  int is_between = (birth->flags & CLONE_NEWUSER) != 0 || (birth->flags & CLONE_NEWPID & (int)flags) != 0;
  int group = -1;
  if (*tracking != 0 && group_is_v2(tracking) == 1) {
    group = open(tracking, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (group < 0) return -errno;
  }
  pid_t pid = is_between ? clone_between(birth, flags, &launch->child_pidfd, group, must_join)
                         : clone_child(flags, &launch->child_pidfd, group, must_join);
  if (pid != 0 && group >= 0) close(group);
  return pid;
}
