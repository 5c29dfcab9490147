/* Device nodes in the /dev of a container that runs, which may be at work there itself: all goes by descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "descriptors.h"
#include "paths.h"
#include "report.h"

/* As the kernel packs them: 12 and 20 bits. */
#define LARGEST_MAJOR 0xfff
#define LARGEST_MINOR 0xfffff

/* A node that is to be there or not: a name in a directory of the container's own /dev. */
struct node {
  dev_t file_system;
  mode_t mode;
  dev_t device;
  char name[NAME_MAX + 1];
};

/* The root of the process that the pidfd is of; -ESRCH when it ended meanwhile and its pid may mean another. */
static int open_root(pid_t pid, int process) {
  char path[40];
  snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
  cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  if (syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) < 0)
    return -errno;
  return descriptor_keep(&root);
}

/* The /dev that a launch has made, seen from outside: a tmpfs, through no link. -ENODEV for anything else. */
static int open_dev(uint64_t pid, uint64_t start_time, struct node *node) {
  struct statfs file_system;
  struct stat status;
  cleanup_close int process = process_open((pid_t)pid, start_time);
  if (process < 0)
    return process;
  cleanup_close int root = open_root((pid_t)pid, process);
  if (root < 0)
    return root;
  cleanup_close int dev = path_open(root, "dev", O_PATH | O_DIRECTORY, 0);
  if (dev < 0)
    return dev == -ENOENT || dev == -ENOTDIR || dev == -ELOOP ? -ENODEV : dev;
  if (fstatfs(dev, &file_system) < 0 || fstat(dev, &status) < 0)
    return -errno;
  node->file_system = status.st_dev;
  return file_system.f_type == TMPFS_MAGIC ? descriptor_keep(&dev) : -ENODEV;
}

/* The directory that the node is in; something that the container has mounted on the way is not ours. */
static int open_directory(int dev, const char *path, const struct node *node, enum path_create create) {
  struct stat status;
  char parent[PATH_MAX] = ".";
  const char *slash = strrchr(path, '/');
  if (slash != NULL && (size_t)(slash - path) >= sizeof(parent))
    return -ENAMETOOLONG;
  if (slash != NULL) {
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
  }
  cleanup_close int directory = path_make(dev, parent, create, 0);
  if (directory < 0)
    return directory;
  if (fstat(directory, &status) < 0)
    return -errno;
  if (!S_ISDIR(status.st_mode))
    return -ENOTDIR;
  return status.st_dev == node->file_system ? descriptor_keep(&directory) : -EXDEV;
}

static int is_node(const struct node *node, const struct stat *status) {
  return status->st_dev == node->file_system && (status->st_mode & S_IFMT) == (node->mode & S_IFMT) &&
         status->st_rdev == node->device;
}

/* By the descriptor of what was found to be the node: a name may mean something else by now. */
static int furnish(int directory, const struct node *node, uid_t uid, gid_t gid) {
  char path[DESCRIPTOR_PATH_BYTES];
  struct stat status;
  cleanup_close int file = openat(directory, node->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) < 0)
    return -errno;
  if (!is_node(node, &status))
    return -EEXIST;
  descriptor_path(file, path);
  if (fchownat(file, "", uid, gid, AT_EMPTY_PATH) < 0 || chmod(path, node->mode & 07777) < 0)
    return -errno;
  return 0;
}

static int place(int directory, const struct node *node, uid_t uid, gid_t gid) {
  mode_t mask = umask(0);
  int made = mknodat(directory, node->name, node->mode, node->device) == 0;
  int error = made ? 0 : -errno;
  umask(mask);
  if (error < 0 && error != -EEXIST)
    return error;
  error = furnish(directory, node, uid, gid);
  if (error < 0 && made)
    unlinkat(directory, node->name, 0);
  return error;
}

static int take(int directory, const struct node *node) {
  struct stat status;
  if (fstatat(directory, node->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : -errno;
  /* What stands there in its stead is the container's own. */
  if (!is_node(node, &status))
    return 0;
  return unlinkat(directory, node->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int check(struct step_context *context, uint64_t pid, uint64_t mode, uint64_t major, uint64_t minor) {
  int error = check_at_most(context, "pid", pid, INT32_MAX);
  if (error == 0)
    error = check_at_most(context, "mode", mode, S_IFMT | 07777);
  if (error == 0 && !S_ISCHR(mode) && !S_ISBLK(mode))
    error = report_number(context, -EINVAL, "mode", mode);
  if (error == 0)
    error = check_at_most(context, "major number", major, LARGEST_MAJOR);
  return error < 0 ? error : check_at_most(context, "minor number", minor, LARGEST_MINOR);
}

int step_place_node(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_PLACE_NODE_PATH].bytes;
  uint64_t pid = values[STEP_PLACE_NODE_PID].number, mode = values[STEP_PLACE_NODE_MODE].number;
  uint64_t major = values[STEP_PLACE_NODE_MAJOR].number, minor = values[STEP_PLACE_NODE_MINOR].number;
  uint64_t uid = values[STEP_PLACE_NODE_UID].number, gid = values[STEP_PLACE_NODE_GID].number;
  struct node node = {.mode = (mode_t)mode, .device = makedev((unsigned)major, (unsigned)minor)};
  int error = check(context, pid, mode, major, minor);
  if (error == 0)
    error = check_at_most(context, "uid", uid, UINT32_MAX - 1);
  if (error == 0)
    error = check_at_most(context, "gid", gid, UINT32_MAX - 1);
  if (error < 0)
    return error;
  error = path_name(path, node.name);
  cleanup_close int dev = error < 0 ? error : open_dev(pid, values[STEP_PLACE_NODE_START_TIME].number, &node);
  cleanup_close int directory = dev < 0 ? dev : open_directory(dev, path, &node, PATH_MAKE_DIRECTORIES);
  error = directory < 0 ? directory : place(directory, &node, (uid_t)uid, (gid_t)gid);
  return error < 0 ? report(context, error, path) : 0;
}

int step_take_node(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_TAKE_NODE_PATH].bytes;
  uint64_t pid = values[STEP_TAKE_NODE_PID].number, mode = values[STEP_TAKE_NODE_MODE].number;
  uint64_t major = values[STEP_TAKE_NODE_MAJOR].number, minor = values[STEP_TAKE_NODE_MINOR].number;
  struct node node = {.mode = (mode_t)mode, .device = makedev((unsigned)major, (unsigned)minor)};
  int error = check(context, pid, mode, major, minor);
  if (error < 0)
    return error;
  error = path_name(path, node.name);
  cleanup_close int dev = error < 0 ? error : open_dev(pid, values[STEP_TAKE_NODE_START_TIME].number, &node);
  /* Where the container has another /dev, or other things on the way, no node of ours is to be seen. */
  if (dev == -ENODEV)
    return 0;
  cleanup_close int directory = dev < 0 ? dev : open_directory(dev, path, &node, PATH_MUST_EXIST);
  if (dev >= 0 && (directory == -ENOENT || directory == -ENOTDIR || directory == -ELOOP || directory == -EXDEV))
    return 0;
  error = directory < 0 ? directory : take(directory, &node);
  return error < 0 ? report(context, error, path) : 0;
}
