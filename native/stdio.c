/* The standard streams of a launch with pipes. -1 among the child's ends stands for /dev/null. */
#include <errno.h>
#include <fcntl.h>
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
