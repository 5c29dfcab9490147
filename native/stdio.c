/* The standard streams of a launch with pipes. -1 among the child's ends stands for /dev/null. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core.h"

/* Our end never blocks: one process serves all streams. */
static int open_pipe(int *ours, int *theirs, int child_reads) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  *theirs = child_reads ? ends[0] : ends[1];
  *ours = child_reads ? ends[1] : ends[0];
  return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int stdio_open(struct launch *launch) {
  if (launch->values[MESSAGE_LAUNCH_STDIO].number == STDIO_TERMINAL) return 0;
  int result = 0;
  if (launch->values[MESSAGE_LAUNCH_STDIN_OPEN].number != 0) {
    result = open_pipe(&launch->stdin_write, &launch->child_stdio[0], 1);
  }
  if (result == 0) result = open_pipe(&launch->stdout_read, &launch->child_stdio[1], 0);
  if (result == 0) result = open_pipe(&launch->stderr_read, &launch->child_stdio[2], 0);
  return result;
}

void stdio_close_child(struct launch *launch) {
  for (int stream = 0; stream < 3; stream++) {
    if (launch->child_stdio[stream] >= 0) close(launch->child_stdio[stream]);
    launch->child_stdio[stream] = -1;
  }
}

static int is_null_device(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

/* Nothing but the null device is opened for good: what else stands there may be the container's doing. */
static int open_own_null(void) {
  const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  int found = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int null = found >= 0 && is_null_device(found) ? open("/dev/null", flags) : -1;
  if (found >= 0) close(found);
  if (null < 0) return -1;
  if (is_null_device(null) && fcntl(null, F_SETFL, O_RDWR) == 0) return null;
  close(null);
  return -1;
}

/* As good as the null device for whoever only reads. */
static int open_ended_pipe(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  close(ends[1]);
  return ends[0];
}

static int replace_null(void) {
  int null = open_own_null();
  if (null < 0) null = open_ended_pipe();
  if (null < 0) return null;
  int result = dup2(null, 0) < 0 ? -errno : 0;
  close(null);
  return result;
}

int stdio_settle(const struct launch *launch, uid_t uid) {
  int result = launch->values[MESSAGE_LAUNCH_STDIN_OPEN].number == 0 ? replace_null() : 0;
  for (int stream = 0; uid != 0 && result == 0 && stream < 3; stream++) {
    struct stat status;
    if (fstat(stream, &status) < 0) result = -errno;
    else if (S_ISFIFO(status.st_mode) && fchown(stream, uid, (gid_t)-1) < 0) result = -errno;
  }
  return result;
}
