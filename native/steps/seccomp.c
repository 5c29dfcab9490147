/* The step that filters system calls. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

static const char SUBJECT[] = "filter of system calls";

int step_seccomp_filter(struct step_context *context, const struct value *values) {
  const struct value *bytes = &values[STEP_SECCOMP_FILTER_PROGRAM];
  struct sock_filter program[BPF_MAXINSNS];
  /* The bytes of a frame stand at any address, and instructions must not. */
  if (bytes->length == 0 || bytes->length > sizeof program || bytes->length % sizeof *program != 0)
    return report(context, -EINVAL, SUBJECT);
  memcpy(program, bytes->bytes, bytes->length);
  uint64_t flags = values[STEP_SECCOMP_FILTER_FLAGS].number;
  int error = check_at_most(context, SUBJECT, flags, UINT32_MAX);
  if (error < 0)
    return error;
  struct sock_fprog filter = {.len = (unsigned short)(bytes->length / sizeof *program), .filter = program};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)flags, &filter) < 0 ? report(context, -errno, SUBJECT) : 0;
}
