/* Layers as erofs images: made by mkfs.erofs, mounted nowhere on the host. */
#include "erofs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attributes.h"
#include "descriptors.h"
#include "filesystem.h"
#include "loop.h"
#include "report.h"
#include "verity.h"

/* How often is looked where the kernel gives no pidfd. */
#define LOOK_MS 20
/* A disk that has no more than this when an image could not be made is full. */
#define ROOM_BYTES (1 << 20)

static const char *const MAKERS[] = {"/usr/bin/mkfs.erofs", "/usr/sbin/mkfs.erofs", "/sbin/mkfs.erofs", NULL};

/*
 * Inodes of the long kind alone hold times and every id. Without compression, which would cost more time than it saves space, as
 * layers are kept unpacked besides.
 */
static _Noreturn void make_image(const char *tree, const char *path, const char *uuid) {
  char *const environment[] = {NULL};
  char *const arguments[] = {"mkfs.erofs", "-d0", "-U", (char *)(uintptr_t)uuid, "--preserve-mtime", "-Eforce-inode-extended",
                             (char *)(uintptr_t)path, (char *)(uintptr_t)tree, NULL};
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) == STDOUT_FILENO && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
    for (int index = 0; MAKERS[index] != NULL; index++)
      execve(MAKERS[index], arguments, environment);
  }
  _exit(127);
}

/* The status of the child, which is killed once nobody waits for it any more. */
static int await_child(const struct step_context *context, pid_t child, int *status) {
  cleanup_close int pidfd = process_pidfd(child);
  for (;;) {
    pid_t found = waitpid(child, status, WNOHANG);
    if (found < 0 && errno != EINTR)
      return -errno;
    if (found == child)
      return 0;
    struct pollfd watched[] = {
        {.fd = pidfd, .events = POLLIN},
        {.fd = step_caller(context), .events = POLLRDHUP},
    };
    if (poll(watched, 2, pidfd < 0 ? LOOK_MS : -1) < 0 && errno != EINTR)
      return -errno;
    if (!step_is_given_up(context))
      continue;
    kill(child, SIGKILL);
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
      ;
    return -ECANCELED;
  }
}

/* Its maker says no more than that it failed, and leaves what it had written: whether there is room for some more tells why. */
static int why_not_made(const char *path) {
  struct stat status;
  cleanup_close int file = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  int is_refused = file < 0 || fstat(file, &status) < 0 || fallocate(file, 0, status.st_size, ROOM_BYTES) < 0;
  return is_refused && (errno == ENOSPC || errno == EDQUOT) ? -errno : -EIO;
}

int step_make_erofs(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_EROFS_PATH].bytes;
  pid_t child = fork();
  if (child < 0)
    return report(context, -errno, path);
  if (child == 0)
    make_image(values[STEP_MAKE_EROFS_TREE].bytes, path, values[STEP_MAKE_EROFS_UUID].bytes);
  int status = 0;
  int error = await_child(context, child, &status);
  if (error < 0)
    return report(context, error, path);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return 0;
  int is_missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
  return report(context, is_missing ? -ENOEXEC : why_not_made(path), values[STEP_MAKE_EROFS_TREE].bytes);
}

static int mount_source(const char *source, char *log, size_t size) {
  cleanup_close int filesystem = filesystem_open("erofs", source);
  if (filesystem < 0)
    return filesystem;
  int error = filesystem_option(filesystem, "ro");
  int mount = error < 0 ? error : filesystem_mount(filesystem, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
  return mount < 0 ? filesystem_refused(filesystem, mount, log, size) : mount;
}

/* A kernel that wants a block device (before Linux 6.12, or built so). */
static int wants_device(int error) {
  return error == -ENOTBLK || error == -EINVAL || error == -EOPNOTSUPP;
}

/* No module, no node of it, or a group that may not open that. */
static int has_no_devices(int error) {
  return error == -ENOENT || error == -ENXIO || error == -ENODEV || error == -EPERM || error == -EACCES;
}

int erofs_mount(const char *path, const char *digest, char *log, size_t size) {
  cleanup_close int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0)
    return -errno;
  int error = verity_check(file, digest);
  if (error < 0)
    return error;
  char source[DESCRIPTOR_PATH_BYTES], device[LOOP_PATH_BYTES];
  descriptor_path(file, source);
  int mount = mount_source(source, log, size);
  if (mount >= 0 || !wants_device(mount))
    return mount;
  cleanup_close int loop = loop_attach(file, LO_FLAGS_READ_ONLY, device, sizeof(device));
  if (loop < 0)
    snprintf(log, size, "no loop device: %s", strerror(-loop));
  if (has_no_devices(loop))
    return -ENXIO;
  return loop < 0 ? loop : mount_source(device, log, size);
}
