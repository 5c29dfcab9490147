#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../steps/credentials.h"
#include "../steps/descriptors.h"
#include "../steps/disk_view.h"
#include "../steps/overlay.h"

#ifndef MOUNT_ATTR_NODEV
#define MOUNT_ATTR_NODEV 0x00000004
#endif

/*
 * What it takes to read any file and to make it anybody's. Not CAP_MKNOD: a device in an archive is nothing to be made in a
 * container. Not CAP_SYS_RESOURCE, before which no quota counts, and not CAP_SYS_ADMIN.
 */
#define BIT(capability) (UINT64_C(1) << (capability))
#define COPIER (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_SETFCAP))
/* What overlayfs notes of a directory only CAP_SYS_ADMIN reads (xattr(7), "Trusted extended attributes"). Nothing is written. */
#define READER (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_SYS_ADMIN))

static void tell(char *detail, const char *what) {
  snprintf(detail, DETAIL_BYTES, "%s", what);
}

/* Whether the process is in another namespace of this kind than we are. */
static int is_elsewhere(pid_t pid, const char *kind) {
  char path[64];
  struct stat ours, theirs;
  snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
  if (stat(path, &ours) < 0)
    return -errno;
  snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
  if (stat(path, &theirs) < 0)
    return -errno;
  return ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev;
}

/* Root there: ids mean what they mean to the container. */
static int become_root(void) {
  if (geteuid() == 0 && getegid() == 0)
    return 0;
  if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
    return -errno;
  return 0;
}

static int keep_rights(uint64_t kept) {
  struct capability_sets sets;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    return -errno;
  int result = capabilities_get(&sets);
  if (result < 0)
    return result;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return -errno;
  sets.permitted &= kept;
  sets.effective = sets.permitted;
  sets.inheritable = 0;
  return capabilities_set(&sets);
}

/*
 * In the container's own mount namespace, for there alone the kernel keeps a name that something is mounted on from being
 * replaced; elsewhere it would take that mount away. With its users, before anything in there is opened.
 */
static int enter_namespaces(pid_t pid, int pidfd, int root) {
  int mounts = is_elsewhere(pid, "mnt");
  int users = mounts < 0 ? mounts : is_elsewhere(pid, "user");
  if (users < 0)
    return users;
  int flags = (mounts ? CLONE_NEWNS : 0) | (users ? CLONE_NEWUSER : 0);
  if (flags != 0 && setns(pidfd, flags) < 0)
    return -errno;
  if (mounts && (fchdir(root) < 0 || chroot(".") < 0))
    return -errno;
  return users ? become_root() : 0;
}

static int enter_process(pid_t pid, uint64_t start_time, char *detail) {
  char path[64];
  tell(detail, "its first process");
  cleanup_close int process = process_open(pid, start_time);
  if (process < 0)
    return process;
  snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
  tell(detail, "its root");
  cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  tell(detail, "its namespaces");
  int result = enter_namespaces(pid, process, root);
  if (result < 0)
    return result;
  /* All that was that process's only if the process is still there. */
  if (syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) < 0 && errno == ESRCH)
    return -ESRCH;
  return descriptor_keep(&root);
}

static int mount_layers(const struct value *layers, const char *upper, const char *work, char *detail) {
  static struct overlay overlay;
  struct string_cursor cursor = string_cursor(layers);
  const char *lower;
  tell(detail, "its layers");
  while ((lower = string_next(&cursor)) != NULL) {
    if (overlay.lower_count == OVERLAY_LAYERS)
      return -E2BIG;
    overlay.lower[overlay.lower_count++] = lower;
  }
  overlay.upper = upper[0] != '\0' ? upper : NULL;
  overlay.work = work;
  overlay.attributes = MOUNT_ATTR_NODEV;
  return overlay_mount(&overlay);
}

int copy_enter(const struct value *values, int *root, char *detail) {
  pid_t pid = (pid_t)values[MESSAGE_ENTER_ROOT_PID].number;
  const char *directory = values[MESSAGE_ENTER_ROOT_DIRECTORY].bytes;
  int found;
  if (pid != 0) {
    found = enter_process(pid, values[MESSAGE_ENTER_ROOT_START_TIME].number, detail);
  } else if (directory[0] != '\0') {
    tell(detail, directory);
    found = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    found = found < 0 ? -errno : found;
  } else {
    found = mount_layers(&values[MESSAGE_ENTER_ROOT_LOWER], values[MESSAGE_ENTER_ROOT_UPPER].bytes,
                         values[MESSAGE_ENTER_ROOT_WORK].bytes, detail);
  }
  if (found < 0)
    return found;
  tell(detail, "rights");
  int result = keep_rights(COPIER);
  if (result < 0) {
    close(found);
    return result;
  }
  *root = found;
  return 0;
}

/* NULL where both texts are empty: ids on disk are those of the container. */
static int parse_owners(const struct value *values, const struct owners **owners) {
  static struct owners parsed;
  const char *uids = values[MESSAGE_ENTER_WRITTEN_UID_MAP].bytes, *gids = values[MESSAGE_ENTER_WRITTEN_GID_MAP].bytes;
  *owners = uids[0] != '\0' || gids[0] != '\0' ? &parsed : NULL;
  int result = id_map_parse(uids, &parsed.uids);
  return result < 0 ? result : id_map_parse(gids, &parsed.gids);
}

/* What was written, on the host's file system or on a disk in a file. */
static int open_written(const char *directory, const char *disk) {
  int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  cleanup_close int mount = disk[0] == '\0' ? AT_FDCWD : disk_view(disk);
  if (mount < 0 && mount != AT_FDCWD)
    return mount;
  int found = openat(mount, directory, flags);
  return found < 0 ? -errno : found;
}

int copy_enter_written(const struct value *values, struct written *written, char *detail) {
  const char *directory = values[MESSAGE_ENTER_WRITTEN_UPPER].bytes;
  tell(detail, "map");
  int result = parse_owners(values, &written->owners);
  if (result < 0)
    return result;
  tell(detail, directory);
  cleanup_close int upper = open_written(directory, values[MESSAGE_ENTER_WRITTEN_DISK].bytes);
  if (upper < 0)
    return upper;
  cleanup_close int layers = mount_layers(&values[MESSAGE_ENTER_WRITTEN_LOWER], "", "", detail);
  if (layers < 0)
    return layers;
  tell(detail, "rights");
  result = keep_rights(READER);
  if (result < 0)
    return result;
  written->upper = descriptor_keep(&upper);
  written->below = descriptor_keep(&layers);
  written->whole = values[MESSAGE_ENTER_WRITTEN_WHOLE].number != 0;
  return 0;
}
