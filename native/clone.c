/* Making the child, on the best call that the kernel (or a filter in front of it) offers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
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
    .exit_signal = SIGCHLD,
    .cgroup = group >= 0 ? (uint64_t)group : 0,
  };
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

/* What a kernel without the call or the flag answers, and a filter that refuses what it does not know. */
static int not_offered(int error) {
  return error == ENOSYS || error == EINVAL || error == E2BIG || error == EPERM || error == EOPNOTSUPP;
}

pid_t launch_clone(struct launch *launch, int *must_join) {
  uint64_t flags = launch->values[MESSAGE_LAUNCH_CLONE_FLAGS].number;
  const char *tracking = launch->values[MESSAGE_LAUNCH_TRACKING_CGROUP].bytes;
  int group = -1;
  *must_join = 0;
  if (*tracking != 0 && group_is_v2(tracking) == 1) {
    group = open(tracking, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (group < 0) return -errno;
  }
  pid_t pid = clone_into(flags, &launch->child_pidfd, group);
  if (pid < 0 && not_offered(errno)) {
    *must_join = group >= 0;
    pid = clone_before_clone3(flags, &launch->child_pidfd);
  }
  int error = errno;
  if (pid != 0 && group >= 0) close(group);
  return pid < 0 ? -error : pid;
}
