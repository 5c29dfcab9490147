#include "procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "filesystem.h"
#include "paths.h"

/* Inode of the root of every procfs (PROC_ROOT_INO, linux/proc_ns.h). */
#define PROCFS_ROOT 1

/* What is at /proc may be anything that a container has mounted there. */
static int open_attached(void) {
  cleanup_close int procfs = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  struct statfs filesystem;
  struct stat status;
  if (procfs < 0 || fstatfs(procfs, &filesystem) < 0 || fstat(procfs, &status) < 0)
    return -errno;
  if (filesystem.f_type != PROC_SUPER_MAGIC || status.st_ino != PROCFS_ROOT)
    return -EXDEV;
  return descriptor_keep(&procfs);
}

int procfs_open(void) {
  cleanup_close int filesystem = filesystem_open("proc", "proc");
  if (filesystem < 0)
    return open_attached();
  int procfs = filesystem_mount(filesystem, 0);
  return procfs < 0 ? open_attached() : procfs;
}

static int same_mount(int one, int other) {
  struct statx first, second;
  if (statx(one, "", AT_EMPTY_PATH, STATX_MNT_ID, &first) < 0 || statx(other, "", AT_EMPTY_PATH, STATX_MNT_ID, &second) < 0)
    return 0;
  /* Since Linux 5.8; without it nothing tells what else is mounted there. */
  return (first.stx_mask & second.stx_mask & STATX_MNT_ID) != 0 && first.stx_mnt_id == second.stx_mnt_id;
}

/* Never through a mount that a container has made in its /proc. */
static int open_inside(int procfs, const char *path) {
  struct open_how how = {
      .flags = O_WRONLY | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
  };
  int found = (int)syscall(SYS_openat2, procfs, path, &how, sizeof how);
  if (found >= 0 || (errno != ENOSYS && errno != EPERM))
    return found < 0 ? -errno : found;
  cleanup_close int node = path_open(procfs, path, O_PATH, 1);
  if (node < 0)
    return node;
  if (!same_mount(procfs, node))
    return -EXDEV;
  cleanup_close int file = path_open(procfs, path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 1);
  if (file < 0)
    return file;
  return same_mount(procfs, file) ? descriptor_keep(&file) : -EXDEV;
}

int procfs_write(int procfs, const char *path, const char *value) {
  cleanup_close int file = open_inside(procfs, path);
  size_t length = strlen(value);
  if (file < 0)
    return file;
  ssize_t written = write(file, value, length);
  if (written < 0)
    return -errno;
  return (size_t)written == length ? 0 : -EIO;
}
