/* Steps that say what a process is to the kernel's schedulers and accountants. They last over execve(2). */
#include <fcntl.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "procfs.h"
#include "report.h"

#define LARGEST_POLICY 6            /* SCHED_DEADLINE */
#define SCHED_FLAGS 1               /* SCHED_FLAG_RESET_ON_FORK */
#define LARGEST_MODE 5              /* MPOL_PREFERRED_MANY */
#define MEMORY_NODES 1024

/* Raising a hard limit is what is mostly refused, so the one in force is told. */
int step_set_rlimit(struct step_context *context, const struct value *values) {
  struct rlimit now = {0}, wanted = {
      .rlim_cur = values[STEP_SET_RLIMIT_SOFT].number,
      .rlim_max = values[STEP_SET_RLIMIT_HARD].number,
  };
  int error = check_at_most(context, "resource limit", values[STEP_SET_RLIMIT_RESOURCE].number, RLIM_NLIMITS - 1);
  if (error < 0)
    return error;
  int resource = (int)values[STEP_SET_RLIMIT_RESOURCE].number;
  if (setrlimit((__rlimit_resource_t)resource, &wanted) == 0)
    return 0;
  error = -errno;
  getrlimit((__rlimit_resource_t)resource, &now);
  return report_number(context, error, "the agent's own hard limit is", now.rlim_max);
}

static int write_oom_score(const char *path, const char *value) {
  cleanup_close int procfs = procfs_open();
  return procfs < 0 ? procfs : procfs_write(procfs, path, value);
}

/* What is not dumpable belongs to root in /proc, and is opened there by root alone. */
static int write_own_oom_score(const char *value) {
  if (geteuid() == 0)
    return write_oom_score("self/oom_score_adj", value);
  if (prctl(PR_SET_DUMPABLE, 1) < 0)
    return -errno;
  int error = write_oom_score("self/oom_score_adj", value);
  return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : error;
}

/*
 * By the monitor, on its child: the child itself may be in a user namespace, where it must not lower its own. A monitor that is not
 * root may not write to a child that is not dumpable, so there the child does it.
 */
int step_set_oom_score(struct step_context *context, const struct value *values) {
  const char *value = values[STEP_SET_OOM_SCORE_VALUE].bytes;
  char path[64];
  if (context->launch == NULL)
    return -EINVAL;
  snprintf(path, sizeof path, "%d/oom_score_adj", (int)context->launch->child);
  int error = context->launch->child > 0 ? write_oom_score(path, value) : write_own_oom_score(value);
  return error < 0 ? report(context, error, value) : 0;
}

int step_set_personality(struct step_context *context, const struct value *values) {
  uint64_t persona = values[STEP_SET_PERSONALITY_PERSONA].number;
  int error = check_at_most(context, "personality", persona, UINT32_MAX - 1);
  if (error < 0)
    return error;
  return personality((unsigned long)persona) < 0 ? report_number(context, -errno, "personality", persona) : 0;
}

/* By the monitor on its child, by the child on itself. */
int step_set_scheduler(struct step_context *context, const struct value *values) {
  uint64_t policy = values[STEP_SET_SCHEDULER_POLICY].number;
  struct sched_attr attributes = {
      .size = sizeof attributes,
      .sched_policy = (uint32_t)policy,
      .sched_flags = values[STEP_SET_SCHEDULER_FLAGS].number,
      .sched_nice = (int32_t)(int64_t)values[STEP_SET_SCHEDULER_NICE].number,
      .sched_priority = (uint32_t)values[STEP_SET_SCHEDULER_PRIORITY].number,
      .sched_runtime = values[STEP_SET_SCHEDULER_RUNTIME_NS].number,
      .sched_deadline = values[STEP_SET_SCHEDULER_DEADLINE_NS].number,
      .sched_period = values[STEP_SET_SCHEDULER_PERIOD_NS].number,
  };
  int error = check_at_most(context, "scheduling policy", policy, LARGEST_POLICY);
  if (error == 0)
    error = check_at_most(context, "scheduling flags", attributes.sched_flags, SCHED_FLAGS);
  if (error < 0)
    return error;
  pid_t process = context->launch == NULL ? 0 : context->launch->child;
  return syscall(SYS_sched_setattr, process, &attributes, 0) < 0 ? report_number(context, -errno, "policy", policy) : 0;
}

int step_set_io_priority(struct step_context *context, const struct value *values) {
  uint64_t priority = values[STEP_SET_IO_PRIORITY_VALUE].number;
  int error = check_at_most(context, "input/output priority", priority, UINT16_MAX);
  if (error < 0)
    return error;
  if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)priority) < 0)
    return report_number(context, -errno, "input/output priority", priority);
  return 0;
}

/* `nodes` is a bit set of node numbers, the lowest byte first. */
int step_set_memory_policy(struct step_context *context, const struct value *values) {
  const struct value *nodes = &values[STEP_SET_MEMORY_POLICY_NODES];
  unsigned long mask[MEMORY_NODES / (sizeof(long) * CHAR_BIT)] = {0};
  uint64_t mode = values[STEP_SET_MEMORY_POLICY_MODE].number;
  int error = check_at_most(context, "memory policy", mode, LARGEST_MODE);
  if (error == 0)
    error = check_at_most(context, "bytes of memory nodes", nodes->length, sizeof mask);
  if (error < 0)
    return error;
  memcpy(mask, nodes->bytes, nodes->length);
  /* The kernel reads one bit less than it is told (mm/mempolicy.c, get_nodes). */
  unsigned long most = nodes->length == 0 ? 0 : MEMORY_NODES + 1;
  if (syscall(SYS_set_mempolicy, (int)mode, most == 0 ? NULL : mask, most) < 0)
    return report_number(context, -errno, "memory policy", mode);
  return 0;
}

int step_write_sysctl(struct step_context *context, const struct value *values) {
  const char *name = values[STEP_WRITE_SYSCTL_PATH].bytes, *value = values[STEP_WRITE_SYSCTL_VALUE].bytes;
  cleanup_close int procfs = procfs_open();
  if (procfs < 0)
    return report(context, procfs, "/proc");
  cleanup_close int parameters = openat(procfs, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int error = parameters < 0 ? -errno : procfs_write(parameters, name, value);
  return error < 0 ? report_about(context, error, name, value) : 0;
}

int step_set_exec_label(struct step_context *context, const struct value *values) {
  char path[64];
  const char *attribute = values[STEP_SET_EXEC_LABEL_ATTRIBUTE].bytes, *label = values[STEP_SET_EXEC_LABEL_LABEL].bytes;
  if ((size_t)snprintf(path, sizeof path, "self/attr/%s", attribute) >= sizeof path)
    return report(context, -ENAMETOOLONG, attribute);
  cleanup_close int procfs = procfs_open();
  int error = procfs < 0 ? procfs : procfs_write(procfs, path, label);
  return error < 0 ? report(context, error, label) : 0;
}
