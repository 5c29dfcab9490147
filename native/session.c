/* Exec sessions: a new process in the namespaces of one that runs. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"

int session_open(const struct launch *launch) {
  return process_open((pid_t)launch->values[MESSAGE_LAUNCH_ENTER_PID].number,
                      launch->values[MESSAGE_LAUNCH_ENTER_START_TIME].number);
}

/*
 * Who has entered a pid namespace is not in it; only its children are. The forked process is made a sibling, so that
 * the monitor can reap it, and waits until the monitor has been told about it: its own messages must not come first.
 */
static int fork_sibling(struct step_context *context, const int *told) {
  char ignored;
  pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0, 0, 0, 0);
  if (pid < 0) return -errno;
  if (pid > 0) {
    int result = sync_tell(context->launch->sync, SYNC_CLONED, pid);
    if (result < 0) kill(pid, SIGKILL);
    _exit(0);
  }
  close(told[1]);
  while (read(told[0], &ignored, 1) < 0 && errno == EINTR) {}
  close(told[0]);
  return setsid() < 0 ? -errno : 0;
}

/* The root of the process that the pidfd is of; -ESRCH when it ended meanwhile and its pid may mean another. */
static int open_root(pid_t pid, int pidfd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
  int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -errno;
  if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0) return root;
  int result = -errno;
  close(root);
  return result;
}

/*
 * setns gives the root of the mount namespace (setns(2)), which is the container's own only if its first process has not
 * got another: under an agent in a chroot it would be the host's.
 */
static int enter_namespaces(struct step_context *context, int pidfd, int flags) {
  if ((flags & CLONE_NEWNS) == 0) return flags != 0 && setns(pidfd, flags) < 0 ? -errno : 0;
  int root = open_root((pid_t)context->launch->values[MESSAGE_LAUNCH_ENTER_PID].number, pidfd);
  if (root < 0) return root;
  int result = setns(pidfd, flags) < 0 || fchdir(root) < 0 || chroot(".") < 0 ? -errno : 0;
  close(root);
  return result;
}

int session_appears_at(uint16_t code) {
  return code == STEP_AWAIT_HOST || code == STEP_AWAIT_HOOKS || code == STEP_AWAIT_START;
}

void session_forget(const struct launch *launch) {
  for (int position = 0; position < MESSAGE_LAUNCH_CHILD_STEPS; position++) {
    const struct value *value = &launch->values[position];
    if (value->bytes != NULL) explicit_bzero((void *)(uintptr_t)value->bytes, value->length);
  }
}

int session_appear(struct step_context *context, const int *told) {
  uint64_t flags = context->launch->values[MESSAGE_LAUNCH_ENTER_NAMESPACES].number;
  step_detail(context, "enter");
  if ((flags & CLONE_NEWPID) != 0) return fork_sibling(context, told);
  return sync_tell(context->launch->sync, SYNC_CLONED, getpid());
}

int session_enter(struct step_context *context, int pidfd, int *told) {
  int flags = (int)context->launch->values[MESSAGE_LAUNCH_ENTER_NAMESPACES].number;
  step_detail(context, "enter");
  int result = enter_namespaces(context, pidfd, flags);
  close(pidfd);
  if (result < 0) return result;
  /* Now, for by the time it is needed there may be a limit of descriptors, and a filter. */
  if ((flags & CLONE_NEWPID) != 0 && pipe2(told, O_CLOEXEC) < 0) return -errno;
  /* Another user namespace sets this anew (proc_sys_fs(5), suid_dumpable), and root of the container could trace us. */
  if ((flags & CLONE_NEWUSER) != 0 && prctl(PR_SET_DUMPABLE, 0) < 0) return -errno;
  return 0;
}
