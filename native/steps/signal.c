#include <errno.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "report.h"

#define LARGEST_SIGNAL 64

/* The descriptor is opened first: whoever it refers to, it is that process whose start time is read while it lives. */
int step_signal_process(struct step_context *context, const struct value *values) {
  uint64_t pid = values[STEP_SIGNAL_PROCESS_PID].number;
  if (pid == 0 || pid > INT32_MAX)
    return report_number(context, -EINVAL, "pid", pid);
  uint64_t signal = values[STEP_SIGNAL_PROCESS_SIGNAL].number;
  int error = check_at_most(context, "signal", signal, LARGEST_SIGNAL);
  if (error < 0)
    return error;
  cleanup_close int process = process_pidfd((pid_t)pid);
  if (process < 0)
    return report_number(context, process, "pid", pid);
  uint64_t start_time;
  error = process_start_time((pid_t)pid, &start_time);
  if (error == 0 && start_time != values[STEP_SIGNAL_PROCESS_START_TIME].number)
    error = -ESRCH;
  if (error < 0)
    return report_number(context, error, "pid", pid);
  if (syscall(SYS_pidfd_send_signal, process, (int)signal, NULL, 0) < 0)
    return report_number(context, -errno, "pid", pid);
  return 0;
}
