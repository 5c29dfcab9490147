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

int procfs_write(int procfs, const char *path, const char *value) {
  struct open_how how = {
      .flags = O_WRONLY | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
  };
  cleanup_close int file = (int)syscall(SYS_openat2, procfs, path, &how, sizeof how);
  size_t length = strlen(value);
  if (file < 0)
    return -errno;
  ssize_t written = write(file, value, length);
  if (written < 0)
    return -errno;
  return (size_t)written == length ? 0 : -EIO;
}
