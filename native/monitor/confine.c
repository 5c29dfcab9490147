/*
 * A monitor that serves a running container needs next to nothing. It keeps the right to signal (the process may run
 * as any user) and a short list of system calls; anything else kills it, and the fork server takes over.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "the monitor's filter knows x86-64 and aarch64"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ALLOW
/* Low half of an argument: both machines are little-endian, and the kernel takes these arguments as 32 bits. */
#define ARGUMENT(index) \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + (index) * sizeof(uint64_t))

static const struct sock_filter FIRST[] = {
  LOAD(arch),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
  KILL,
  LOAD(nr),
};

/* Whoever tracks processes by itself ends them by their pids. */
static const struct sock_filter OF_TREES[] = { CALL(kill), CALL(waitid) };

static const struct sock_filter REST[] = {
  /* the loop */
#ifdef SYS_poll
  CALL(poll),
#endif
  CALL(ppoll), CALL(restart_syscall), CALL(clock_gettime), CALL(read), CALL(write), CALL(close),
  /* clients; accept4 hands out no rights, and recvfrom and sendmsg carry no descriptors of ours */
  CALL(accept4), CALL(recvfrom), CALL(sendto), CALL(sendmsg), CALL(shutdown),
  /* memory; mmap is looked at below */
  CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise),
  /* log, its rotation and bound, the status file, the socket's own file at the end */
  CALL(openat), CALL(ftruncate), CALL(unlinkat), CALL(fstat), CALL(newfstatat), CALL(lseek),
#ifdef SYS_renameat
  CALL(renameat),
#endif
  CALL(renameat2),
  /* the process: signals to it by descriptor, its end */
  CALL(pidfd_send_signal), CALL(wait4),
  /* our own identity in `hello`, and the end */
  CALL(getpid), CALL(rt_sigreturn), CALL(exit_group), CALL(exit),
  /* the terminal's size, no other ioctl */
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
  ARGUMENT(1),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSWINSZ, 0, 1),
  ALLOW,
  KILL,
  /* memory that cannot be executed */
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
  ARGUMENT(2),
  BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
  ALLOW,
  KILL,
};

#define MOST ((sizeof FIRST + sizeof OF_TREES + sizeof REST) / sizeof *REST)

static struct sock_filter *append(struct sock_filter *at, const struct sock_filter *part, size_t bytes) {
  memcpy(at, part, bytes);
  return at + bytes / sizeof *part;
}

static unsigned short build(struct sock_filter *filter, int tree) {
  struct sock_filter *at = append(filter, FIRST, sizeof FIRST);
  if (tree) at = append(at, OF_TREES, sizeof OF_TREES);
  at = append(at, REST, sizeof REST);
  return (unsigned short)(at - filter);
}

/* Who is not root has not even that one, and may signal its own processes all the same. */
static int keep_only_kill(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct held[2], data[2] = {{0}};
  if (syscall(SYS_capget, &header, held) < 0) return -errno;
  data[0].effective = data[0].permitted = held[0].permitted & (1u << CAP_KILL);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
  return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int confine(int tree) {
  struct sock_filter filter[MOST];
  struct sock_fprog program = {.len = build(filter, tree), .filter = filter};
  /* Our memory holds tickets. First of all, for with few rights left a container that sees us could trace us. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
  /* The bounding set stays: no call that could gain from it is left, and dropping it costs 40 calls a launch. */
  int result = keep_only_kill();
  if (result < 0) return result;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
#ifdef __SANITIZE_ADDRESS__
  (void)program;                   /* the sanitizer's own calls are not on the list */
  return 0;
#else
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
#endif
}
