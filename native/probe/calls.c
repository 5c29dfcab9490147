/*
 * Which system calls a filter lets through, without making one. A child puts a second filter over the first, which hands
 * every call to its parent; of two answers the kernel takes the stricter, and "hand it over" is less strict than any
 * refusal. So a call arrives at the parent if the container's filter lets it through, and only then.
 */
#include "probe.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 50
#define NO_LISTENER -1

/* Seen by both; the child makes no call but those that are asked about. */
struct shared {
  volatile int listener;       /* descriptor, NO_LISTENER, or -2 - errno */
  volatile int current;        /* the call that is being made */
  volatile char reached[MAX_CALLS];
  volatile int error[MAX_CALLS];
};

#define PASS(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int install_listener(void) {
  struct sock_filter instructions[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    PASS(exit_group), PASS(rt_sigreturn),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  struct sock_fprog program = {.len = sizeof instructions / sizeof *instructions, .filter = instructions};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return -1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static _Noreturn void make_calls(struct shared *shared, const struct probe_call *calls, int from, int count) {
  int listener = install_listener();
  shared->listener = listener < 0 ? -2 - errno : listener;
  for (int index = from; listener >= 0 && index < count; index++) {
    shared->current = index;
    long result = syscall(calls[index].number, calls[index].argument, 0, 0, 0, 0, 0);
    shared->error[index] = result < 0 ? errno : 0;
  }
  shared->current = count;
  _exit(0);
}

/* Answers what arrives until the child has ended. Returns its wait status. */
static int serve(struct shared *shared, pid_t child) {
  int status;
  while (waitpid(child, &status, WNOHANG) == 0) {
    struct pollfd waiting = {.fd = shared->listener, .events = POLLIN};
    if (shared->listener < 0 || poll(&waiting, 1, POLL_MS) <= 0 || !(waiting.revents & POLLIN)) {
      struct timespec moment = {.tv_nsec = 1000000};
      if (shared->listener < 0 || (waiting.revents & POLLHUP))
        nanosleep(&moment, NULL);
      continue;
    }
    struct seccomp_notif request = {0};
    if (ioctl(shared->listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
      continue;
    shared->reached[shared->current] = 1;
    struct seccomp_notif_resp answer = {.id = request.id, .error = -ENOANO};
    ioctl(shared->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
  return status;
}

static void tell_calls(const struct shared *shared, const struct probe_call *calls, int from, int to) {
  for (int index = from; index < to; index++) {
    char subject[64];
    snprintf(subject, sizeof subject, "%ld:%lu", calls[index].number, calls[index].argument);
    tell("call", subject, shared->reached[index] ? "reached" : error_name(shared->error[index]));
  }
}

void probe_calls(const struct probe_call *calls, int count) {
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    tell("calls", "unproved", error_name(errno));
    return;
  }
  for (int from = 0; from < count;) {
    shared->listener = NO_LISTENER;
    fflush(stdout);
    /* Descriptors are shared, so that the parent has the listener too. */
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
      make_calls(shared, calls, from, count);
    int status = child < 0 ? 0 : serve(shared, child);
    if (child < 0 || shared->listener < NO_LISTENER) {
      tell("calls", "unproved", error_name(child < 0 ? errno : -2 - shared->listener));
      return;
    }
    int ended = shared->current;
    tell_calls(shared, calls, from, ended);
    if (ended < count) {
      char subject[64];
      snprintf(subject, sizeof subject, "%ld:%lu", calls[ended].number, calls[ended].argument);
      tell("call", subject, WIFSIGNALED(status) ? "killed" : "ended");
    }
    close(shared->listener);
    from = ended + 1;
  }
}
