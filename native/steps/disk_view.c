#include "disk_view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>   /* snprintf */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptors.h"
#include "filesystem.h"
#include "loop.h"

static int is_of_file(int loop, const struct stat *file) {
  struct loop_info64 info;
  return ioctl(loop, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == file->st_ino && info.lo_device == file->st_dev;
}

/* The device that a container writes to. -ENOENT: there is none, for the container has ended. */
static int find_device(const struct stat *file, char *device, size_t size) {
  DIR *list = opendir("/sys/block");
  const struct dirent *entry;
  int found = -ENOENT;
  if (list == NULL)
    return -errno;
  while (found < 0 && (entry = readdir(list)) != NULL) {
    unsigned number;
    if (sscanf(entry->d_name, "loop%u", &number) != 1)
      continue;
    snprintf(device, size, "/dev/loop%u", number);
    cleanup_close int loop = open(device, O_RDONLY | O_CLOEXEC);
    if (loop >= 0 && is_of_file(loop, file))
      found = descriptor_keep(&loop);
  }
  closedir(list);
  return found;
}

/*
 * One that is mounted has one superblock, which takes part in what its container writes: only the mount is read-only. Any other is
 * mounted read-only itself, from a device that is.
 */
int disk_view(const char *path) {
  struct stat status;
  char device[LOOP_PATH_BYTES];
  cleanup_close int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) < 0)
    return -errno;
  cleanup_close int used = find_device(&status, device, sizeof(device));
  if (used < 0 && used != -ENOENT)
    return used;
  cleanup_close int attached = used >= 0 ? -1 : loop_attach(file, LO_FLAGS_READ_ONLY, device, sizeof(device));
  if (used < 0 && attached < 0)
    return attached;
  cleanup_close int filesystem = filesystem_open("ext4", device);
  int error = filesystem < 0 ? filesystem : used >= 0 ? 0 : filesystem_option(filesystem, "ro");
  return error < 0 ? error : filesystem_mount(filesystem, MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
}
