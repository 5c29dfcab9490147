/*
 * Whoever is about to exec in a container still runs this program, and `/proc/self/exe` as a command or as the
 * interpreter of a script makes it run it there for good: with that the container holds a descriptor of our file on the
 * host, which it can write, or make set-user-id (CVE-2019-5736). So the fork server, and with it all that it forks,
 * runs from a copy in memory that nobody can change, else from a mount of its file that is read-only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U           /* Linux 6.3 */
#endif
#define IMAGE_NAME "isopod-helper"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define COPY_BYTES (1 << 30)
/* Set for the program that runs from a mount of ours. */
#define OURS "ISOPOD_HELPER_IMAGE"

/* A file system that is read-only by chance may be made writable, so the mount has to be ours. */
static int is_safe(int image) {
  struct statvfs mount;
  int seals = fcntl(image, F_GET_SEALS);
  if (seals >= 0 && (seals & SEALS) == SEALS) return 1;
  return getenv(OURS) != NULL && fstatvfs(image, &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;
}

static int copy_all(int from, int to) {
  off_t offset = 0;
  ssize_t copied;
  do copied = sendfile(to, from, &offset, COPY_BYTES);
  while (copied > 0 || (copied < 0 && errno == EINTR));
  return copied < 0 ? -errno : 0;
}

/* vm.memfd_noexec may forbid it (EACCES); before 6.3 its flag is not known (EINVAL). */
static int sealed_copy(int image) {
  int copy = memfd_create(IMAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (copy < 0 && errno == EINVAL) copy = memfd_create(IMAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0) return -errno;
  int result = copy_all(image, copy);
  if (result == 0 && fcntl(copy, F_ADD_SEALS, SEALS) < 0) result = -errno;
  if (result == 0) return copy;
  close(copy);
  return result;
}

/* A mount that nobody sees; the running program keeps it. */
static int read_only_mount(int image) {
  struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
  int tree = (int)syscall(SYS_open_tree, image, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0) return -errno;
  if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &read_only, sizeof read_only) == 0) return tree;
  int error = errno;
  close(tree);
  return -error;
}

static int run_again(int image, char **argv) {
  static char ours[] = OURS "=1";
  char *environment[] = { ours, NULL };
  if (image < 0) return image;
  syscall(SYS_execveat, image, "", argv, environment, AT_EMPTY_PATH);
  int error = errno;
  close(image);
  return -error;
}

int image_protect(char **argv) {
  int image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (image < 0) return -errno;
  int result = is_safe(image) ? 0 : run_again(sealed_copy(image), argv);
  if (result < 0) result = run_again(read_only_mount(image), argv);
  close(image);
  /* Run by descriptor we would be shown as its number. */
  if (result == 0 && prctl(PR_SET_NAME, IMAGE_NAME) < 0) result = -errno;
  return result;
}
