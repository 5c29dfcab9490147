#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "report.h"

#define START_TIME_FIELD 22

/* Writes "/proc/PID/stat" from the digits of a pid that fits an int. */
static void stat_path(uint64_t pid, char path[32]) {
  char digits[12];
  size_t at = sizeof(digits);
  do {
    digits[--at] = (char)('0' + pid % 10);
    pid /= 10;
  } while (pid > 0);
  size_t length = sizeof(digits) - at;
  memcpy(path, "/proc/", 6);
  memcpy(path + 6, digits + at, length);
  memcpy(path + 6 + length, "/stat", 6);
}

/* Field 22 of /proc/PID/stat: clock ticks from boot to start. -ESRCH when there is no such process. */
static int read_start_time(uint64_t pid, uint64_t *start_time) {
  char path[32], text[1024];
  stat_path(pid, path);
  cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  ssize_t length = read(file, text, sizeof(text) - 1);
  if (length < 0)
    return -errno;
  text[length] = '\0';
  /* Field 2 is the command's name in parentheses and may hold anything, so fields are counted from its end. */
  const char *at = strrchr(text, ')');
  for (int field = 2; at != NULL && field < START_TIME_FIELD; field++)
    at = strchr(at + 1, ' ');
  if (at == NULL)
    return -EBADMSG;
  *start_time = 0;
  for (at++; *at >= '0' && *at <= '9'; at++)
    *start_time = *start_time * 10 + (uint64_t)(*at - '0');
  return 0;
}

/* The descriptor is opened first: whoever it refers to, it is that process whose start time is read while it lives. */
int step_signal_process(struct step_context *context, const struct value *values) {
  uint64_t pid = values[STEP_SIGNAL_PROCESS_PID].number;
  if (pid == 0 || pid > INT32_MAX)
    return report_number(context, -EINVAL, "pid", pid);
  cleanup_close int process = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
  if (process < 0)
    return report_number(context, -errno, "pid", pid);
  uint64_t start_time;
  int error = read_start_time(pid, &start_time);
  if (error == 0 && start_time != values[STEP_SIGNAL_PROCESS_START_TIME].number)
    error = -ESRCH;
  if (error < 0)
    return report_number(context, error, "pid", pid);
  int signal = (int)values[STEP_SIGNAL_PROCESS_SIGNAL].number;
  if (syscall(SYS_pidfd_send_signal, process, signal, NULL, 0) < 0)
    return report_number(context, -errno, "pid", pid);
  return 0;
}
