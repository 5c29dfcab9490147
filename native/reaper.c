/* The first process of a container that asked for one of ours: it stays, and does nothing but reap and pass signals on. */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "steps/credentials.h"

/*
 * A pid namespace's first process cannot be killed from inside, by itself neither: there a death by signal becomes
 * 128 + its number, as shells have it. What it was is told to the monitor.
 */
static _Noreturn void end_as(int status, int *told) {
  *told = status;
  if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
  int number = WTERMSIG(status);
  if (getpid() != 1) {
    process_reset_signals();
    kill(getpid(), number);
  }
  _exit(128 + number);
}

static void reap_all(pid_t command, int *told) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == command) end_as(status, told);
  }
}

/* All signals are blocked, so even those that the first process of a pid namespace would not get are queued. */
static _Noreturn void watch(pid_t command, int *told) {
  sigset_t all;
  sigfillset(&all);
  process_close_from(0);
  for (;;) {
    int number = sigwaitinfo(&all, NULL);
    if (number == SIGCHLD) reap_all(command, told);
    else if (number > 0) kill(command, number);
  }
}

/*
 * The command leads a session of its own, and a terminal can be the controlling one of a single session. Leaving it
 * sends us SIGHUP and SIGCONT: being blocked they wait, and to be ignored for a moment discards them.
 */
static int give_terminal_up(void) {
  if (ioctl(0, TIOCNOTTY) < 0) return -1;
  signal(SIGHUP, SIG_IGN);
  signal(SIGCONT, SIG_IGN);
  signal(SIGHUP, SIG_DFL);
  signal(SIGCONT, SIG_DFL);
  return 0;
}

/* Who is not root loses at execve(2) all but what is passed on; the first process makes none, and is to have no more. */
static int keep_what_exec_keeps(void) {
  struct capability_sets sets;
  if (geteuid() == 0) return 0;
  int result = capabilities_get(&sets);
  if (result < 0) return result;
  sets.permitted &= sets.inheritable;
  sets.effective = sets.permitted;
  return capabilities_set(&sets);
}

int reaper_fork(struct launch *launch) {
  int terminal = launch->values[MESSAGE_LAUNCH_STDIO].number == STDIO_TERMINAL;
  sigset_t all;
  sigfillset(&all);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || sigprocmask(SIG_BLOCK, &all, NULL) < 0) return -errno;
  if (terminal && give_terminal_up() < 0) return -errno;
  int result = keep_what_exec_keeps();
  if (result < 0) return result;
  pid_t pid = fork();
  if (pid < 0) return -errno;
  if (pid > 0) watch(pid, launch->command_end);
  process_reset_signals();
  if (setsid() < 0) return -errno;
  return terminal && ioctl(0, TIOCSCTTY, 0) < 0 ? -errno : 0;
}
