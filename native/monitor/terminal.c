/*
 * The master of the container's terminal. We keep the slave open as well while the process lives: a process that closes
 * its terminal for a moment would else look like the end of output (EIO), and poll(2) would report it without pause.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "monitor.h"

static void apply_size(struct monitor *monitor) {
  struct winsize size = {.ws_row = monitor->rows, .ws_col = monitor->columns};
  if (!monitor->terminal || monitor->launch->stdout_read < 0 || monitor->rows == 0 || monitor->columns == 0) return;
  ioctl(monitor->launch->stdout_read, TIOCSWINSZ, &size);
}

/* One, and only where there is to be one. */
void terminal_adopt(struct monitor *monitor, int master) {
  if (!monitor->terminal || monitor->launch->stdout_read >= 0) {
    descriptor_close(&master);
    return;
  }
  monitor->launch->stdout_read = master;
  fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
  fcntl(master, F_SETFD, FD_CLOEXEC);
  monitor->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  apply_size(monitor);
}

/* Kept until there is a terminal; sizes that a terminal cannot have are ignored, as by the kernel. */
void terminal_resize(struct monitor *monitor, uint64_t rows, uint64_t columns) {
  if (rows > UINT16_MAX || columns > UINT16_MAX) return;
  monitor->rows = (uint16_t)rows;
  monitor->columns = (uint16_t)columns;
  apply_size(monitor);
}
