/* A monitor that tracks the processes of its container itself: it is their subreaper, so it reaps what is no one's child. */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor.h"

int tree_begin(struct monitor *monitor) {
  sigset_t watched;
  monitor->orphans = -1;
  if (monitor->kind != LAUNCH_KIND_TREE) return 0;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &watched, NULL) < 0) return -errno;
  monitor->orphans = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  return monitor->orphans < 0 ? -errno : 0;
}

/* The first process is reaped where its status is wanted. 0: no other has died; -ECHILD: there is no process at all. */
static int reap_one(const struct monitor *monitor) {
  siginfo_t dead = {0};
  if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) < 0) return -errno;
  if (dead.si_pid == 0 || (dead.si_pid == monitor->launch->child && !monitor->reaped)) return 0;
  return wait4(dead.si_pid, NULL, WNOHANG, NULL) > 0;
}

void tree_reap(struct monitor *monitor) {
  struct signalfd_siginfo ignored[8];
  while (read(monitor->orphans, ignored, sizeof ignored) > 0) continue;
  while (reap_one(monitor) == 1) continue;
}

void tree_sweep(struct monitor *monitor) {
  int result;
  tree_kill();
  while ((result = reap_one(monitor)) == 1) continue;
  /* One that no signal ends goes to the fork server with us, which goes on. */
  if (result == -ECHILD || now_ms() >= monitor->tree_deadline) monitor->tree_left = 0;
}
