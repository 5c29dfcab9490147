/* A disk of fixed size in a file: a file system of its own for what a container writes, mounted nowhere on the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>   /* snprintf */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "filesystem.h"
#include "loop.h"
#include "report.h"

static const char *const MAKERS[] = {"/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/bin/mkfs.ext4", NULL};

/* Without a journal: what a crash spoils goes with the container. Nothing is reserved for root. */
static _Noreturn void make_filesystem(const char *path) {
  char *const environment[] = {NULL};
  for (int index = 0; MAKERS[index] != NULL; index++) {
    const char *arguments[] = {MAKERS[index], "-q",     "-F", "-m", "0", "-O", "^has_journal,^resize_inode",
                               "-E",          "nodiscard,lazy_itable_init=1", path, NULL};
    execve(MAKERS[index], (char *const *)arguments, environment);
  }
  _exit(127);
}

/* ENOEXEC: no program makes the file system. */
static int format(const char *path) {
  pid_t child = fork();
  if (child < 0)
    return -errno;
  if (child == 0)
    make_filesystem(path);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return -errno;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return 0;
  return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOEXEC : -EIO;
}

/* -EEXIST: the disk of an earlier life of the container, with what is in it. */
static int make_file(const char *path, uint64_t bytes) {
  cleanup_close int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, (off_t)bytes) < 0)
    return -errno;
  return 0;
}

static int attach_device(const char *path, char *device, size_t size) {
  cleanup_close int file = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  return file < 0 ? -errno : loop_attach(file, 0, device, size);
}

static int mount_device(const char *device) {
  cleanup_close int filesystem = filesystem_open("ext4", device);
  return filesystem < 0 ? filesystem : filesystem_mount(filesystem, MOUNT_ATTR_NODEV);
}

int step_create_disk(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_CREATE_DISK_PATH].bytes;
  int error = make_file(path, values[STEP_CREATE_DISK_BYTES].number);
  int is_there = error == -EEXIST;
  if (error == 0)
    error = format(path);
  if (error < 0 && !is_there)
    return report(context, error, path);
  char device[LOOP_PATH_BYTES];
  cleanup_close int loop = attach_device(path, device, sizeof(device));
  if (loop < 0)
    return report_about(context, loop, path, "loop device");
  cleanup_close int mount = mount_device(device);
  if (mount < 0)
    return report_about(context, mount, path, device);
  if (!is_there && (mkdirat(mount, "upper", 0755) < 0 || mkdirat(mount, "work", 0755) < 0))
    return report(context, -errno, path);
  return slot_fill(context, values[STEP_CREATE_DISK_SLOT].number, descriptor_keep(&mount));
}
