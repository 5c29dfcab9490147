/* The child's side of a terminal. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core.h"

#define TERMINAL_MODE 0620
#define PTMX_DEVICE makedev(5, 2)

struct terminal {
  int devpts;
  int master;
  int slave;
};

static int is_file_system(int descriptor, long magic) {
  struct statfs status;
  return fstatfs(descriptor, &status) == 0 && status.f_type == magic;
}

/* The node beside the devpts stands for the ptmx in it, and is for everybody. */
static int open_shared_ptmx(void) {
  struct stat status;
  int node = open("/dev/ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (node < 0) return -errno;
  int is_ptmx = fstat(node, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == PTMX_DEVICE;
  close(node);
  if (!is_ptmx) return -ENODEV;
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  return master < 0 ? -errno : master;
}

/*
 * /dev may be the image's: only a devpts of the kernel has a ptmx that can be trusted to be one. The host's own lets nobody but
 * root open that one, as a rule (ptmxmode=000), so who is not root takes the usual way; there /dev is the host's.
 */
static int open_master(int devpts) {
  int master = openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  if (master >= 0) return master;
  return errno == EACCES && geteuid() != 0 ? open_shared_ptmx() : -errno;
}

static int open_pair(struct terminal *terminal) {
  struct stat devpts, slave;
  int unlock = 0;
  terminal->devpts = open("/dev/pts", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (terminal->devpts < 0) return -errno;
  if (!is_file_system(terminal->devpts, DEVPTS_SUPER_MAGIC)) return -ENODEV;
  terminal->master = open_master(terminal->devpts);
  if (terminal->master < 0) return terminal->master;
  if (ioctl(terminal->master, TIOCSPTLCK, &unlock) < 0) return -errno;
  /* By descriptor: a path would be looked up in a tree that the container may have arranged. */
  terminal->slave = ioctl(terminal->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal->slave < 0 || fstat(terminal->slave, &slave) < 0 || fstat(terminal->devpts, &devpts) < 0) return -errno;
  return slave.st_dev == devpts.st_dev ? 0 : -ENODEV;
}

static int set_up(const struct terminal *terminal, const struct step_context *context) {
  const struct value *values = context->launch->values;
  struct winsize size = {
    .ws_row = (unsigned short)values[MESSAGE_LAUNCH_ROWS].number,
    .ws_col = (unsigned short)values[MESSAGE_LAUNCH_COLUMNS].number,
  };
  if (size.ws_row != 0 && size.ws_col != 0 && ioctl(terminal->master, TIOCSWINSZ, &size) < 0) return -errno;
  if (fchown(terminal->slave, context->credentials.uid, (gid_t)-1) < 0) return -errno;
  if (fchmod(terminal->slave, TERMINAL_MODE) < 0) return -errno;
  for (int stream = 0; stream < 3; stream++) {
    if (dup2(terminal->slave, stream) < 0) return -errno;
  }
  return 0;
}

/* A file of our own in the container's own /dev; an image's /dev is left alone. */
static int open_console_directory(void) {
  int directory = open("/dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return errno == ENOENT ? -ENODEV : -errno;
  if (is_file_system(directory, TMPFS_MAGIC)) return directory;
  close(directory);
  return -ENODEV;
}

static int bind_slave(const struct terminal *terminal, int directory) {
  char name[16];
  int number;
  if (ioctl(terminal->master, TIOCGPTN, &number) < 0) return -errno;
  snprintf(name, sizeof name, "%d", number);
  if (mknodat(directory, "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST) return -errno;
  int tree = (int)syscall(SYS_open_tree, terminal->devpts, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return -errno;
  long moved = syscall(SYS_move_mount, tree, "", directory, "console", MOVE_MOUNT_F_EMPTY_PATH);
  int result = moved < 0 ? -errno : 0;
  close(tree);
  return result;
}

static int bind_to_console(struct step_context *context, const struct terminal *terminal) {
  step_detail(context, "/dev/console");
  int directory = open_console_directory();
  if (directory < 0) return directory == -ENODEV ? 0 : directory;
  int result = bind_slave(terminal, directory);
  close(directory);
  return result;
}

int terminal_open(struct step_context *context, int bind_console) {
  struct terminal terminal = { -1, -1, -1 };
  step_detail(context, "/dev/pts");
  int result = open_pair(&terminal);
  if (result >= 0) result = set_up(&terminal, context);
  if (result >= 0 && bind_console) result = bind_to_console(context, &terminal);
  if (terminal.slave >= 0) close(terminal.slave);
  if (terminal.devpts >= 0) close(terminal.devpts);
  if (result >= 0) return terminal.master;
  if (terminal.master >= 0) close(terminal.master);
  return result;
}

int terminal_take(struct step_context *context, int master) {
  const struct sync_message message = { .kind = SYNC_TERMINAL };
  step_detail(context, "/dev/pts");
  int result = ioctl(0, TIOCSCTTY, 0) < 0 ? -errno : sync_send(context->launch->sync, &message, &master, 1);
  close(master);
  return result;
}
