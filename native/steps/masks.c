/* Steps that hide paths of the container or make them read-only. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "attributes.h"
#include "descriptors.h"
#include "filesystem.h"
#include "paths.h"
#include "report.h"

static int is_missing(int error) {
  return error == -ENOENT || error == -ENOTDIR;
}

/* A detached copy of what is at `source`. */
static int clone_mount(int source, unsigned recursive) {
  int tree = open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);
  return tree < 0 ? -errno : tree;
}

static int cover(int tree, int target) {
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  return move_mount(tree, "", target, "", flags) < 0 ? -errno : 0;
}

/* Finds the null device once. An image that has something else there would have the mask lead to it. */
static int find_null_node(struct step_context *context, int root) {
  if (context->null_node >= 0)
    return 0;
  cleanup_close int node = path_open(root, "dev/null", O_PATH, 0);
  struct stat status;
  if (node < 0)
    return report(context, node, "/dev/null");
  if (fstat(node, &status) < 0)
    return report(context, -errno, "/dev/null");
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
    return report(context, -ENODEV, "/dev/null is not the null device");
  context->null_node = descriptor_keep(&node);
  return 0;
}

static int mask_file(struct step_context *context, int target) {
  cleanup_close int tree = clone_mount(context->null_node, 0);
  return tree < 0 ? tree : cover(tree, target);
}

static int make_empty_directory(void) {
  cleanup_close int filesystem = filesystem_open("tmpfs", "tmpfs");
  if (filesystem < 0)
    return filesystem;
  int error = filesystem_option(filesystem, "mode=0555");
  if (error == 0)
    error = filesystem_option(filesystem, "ro");
  if (error < 0)
    return error;
  return filesystem_mount(filesystem, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/* The first mask is a file system of its own, the others are copies of it: detached mounts cannot be copied before 6.15. */
static int mask_directory(struct step_context *context, int target) {
  if (context->mask_directory >= 0) {
    cleanup_close int tree = clone_mount(context->mask_directory, 0);
    return tree < 0 ? tree : cover(tree, target);
  }
  cleanup_close int first = make_empty_directory();
  if (first < 0)
    return first;
  int error = cover(first, target);
  if (error == 0)
    context->mask_directory = descriptor_keep(&first);
  return error;
}

int step_mask_path(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MASK_PATH_PATH].bytes;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  cleanup_close int target = path_open(root, path, O_PATH, 1);
  if (is_missing(target))
    return 0;
  struct stat status;
  if (target < 0)
    return report(context, target, path);
  if (fstat(target, &status) < 0)
    return report(context, -errno, path);
  if (!S_ISDIR(status.st_mode)) {
    int error = find_null_node(context, root);
    if (error < 0)
      return error;
    error = mask_file(context, target);
    return error < 0 ? report(context, error, path) : 0;
  }
  int error = mask_directory(context, target);
  return error < 0 ? report(context, error, path) : 0;
}

static int cover_read_only(int target) {
  cleanup_close int tree = clone_mount(target, AT_RECURSIVE);
  if (tree < 0)
    return tree;
  int late = attributes_set(tree, MOUNT_ATTR_RDONLY, 1);
  if (late < 0 && late != -ENOSYS)
    return late;
  int error = cover(tree, target);
  return error == 0 && late < 0 ? attributes_remount(tree, MOUNT_ATTR_RDONLY, 1) : error;
}

int step_read_only_path(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_READ_ONLY_PATH_PATH].bytes;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  cleanup_close int target = path_open(root, path, O_PATH, 1);
  if (is_missing(target))
    return 0;
  int error = target < 0 ? target : cover_read_only(target);
  return error < 0 ? report(context, error, path) : 0;
}
