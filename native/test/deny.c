/*
 * deny ERRNO NUMBER... -- COMMAND...: runs a command in which these system calls fail so. Tests of the ladders for calls
 * that older kernels lack (ENOSYS) or that a filter refuses (EPERM).
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_CALLS 32

int main(int argc, char **argv) {
  struct sock_filter filter[2 * MAX_CALLS + 2] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
  };
  unsigned short length = 1;
  int at = 2;
  if (argc < 4) return 2;
  unsigned error = (unsigned)atoi(argv[1]) & SECCOMP_RET_DATA;
  for (; at < argc && strcmp(argv[at], "--") != 0 && at < 2 + MAX_CALLS; at++) {
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(argv[at]), 0, 1);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  }
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = { length, filter };
  if (at + 1 >= argc) return 2;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) return 3;
  execvp(argv[at + 1], argv + at + 1);
  return 4;
}
