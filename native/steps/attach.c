/* Steps that put trees where the container sees them, and make the container's root the root. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attach.h"
#include "attributes.h"
#include "descriptors.h"
#include "paths.h"
#include "report.h"

/* The kernel says EINVAL for a directory that is to cover a file, and the other way round; this says which it was. */
static int explain_refusal(int error, int tree, int target) {
  struct stat from, onto;
  if (error != -EINVAL || fstat(tree, &from) < 0 || fstat(target, &onto) < 0)
    return error;
  if (S_ISDIR(from.st_mode) == S_ISDIR(onto.st_mode))
    return error;
  return S_ISDIR(from.st_mode) ? -ENOTDIR : -EISDIR;
}

/* What to give mount(2) for a kind of propagation; 0 leaves it. */
static unsigned long propagation_flag(enum attach_propagation propagation) {
  return propagation == ATTACH_PRIVATE ? MS_PRIVATE : propagation == ATTACH_SLAVE ? MS_SLAVE : 0;
}

/* A copy of a mount of the host is born as its peer, and what the container mounted in it would appear on the host. */
int attach_tree(struct step_context *context, uint64_t slot, int target, enum attach_propagation propagation) {
  int tree = slot_get(context, slot);
  if (tree < 0)
    return tree;
  unsigned long flag = propagation_flag(propagation);
  int late = flag == 0 ? 0 : attributes_propagate(tree, flag);
  if (late < 0 && late != -ENOSYS)
    return late;
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    return explain_refusal(-errno, tree, target);
  int error = late < 0 ? attributes_repropagate(tree, flag) : 0;
  uint64_t attributes = context->late_attributes[slot];
  if (error == 0 && attributes != 0)
    error = attributes_remount(tree, attributes & ~LATE_RECURSIVE, (attributes & LATE_RECURSIVE) != 0);
  context->late_attributes[slot] = 0;
  return error;
}

int step_attach_root(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_ATTACH_ROOT_MOUNT_POINT].bytes;
  uint64_t slot = values[STEP_ATTACH_ROOT_SLOT].number;
  if (context->root >= 0)
    return report(context, -EEXIST, path);
  cleanup_close int target = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (target < 0)
    return report(context, -errno, path);
  int error = attach_tree(context, slot, target, ATTACH_PRIVATE);
  if (error < 0)
    return report(context, error, path);
  context->root = context->slots[slot];
  context->slots[slot] = -1;
  return 0;
}

int step_attach_mount(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_ATTACH_MOUNT_TARGET].bytes;
  uint64_t slot = values[STEP_ATTACH_MOUNT_SLOT].number;
  uint64_t create = values[STEP_ATTACH_MOUNT_CREATE].number;
  int error = check_at_most(context, "create", create, PATH_MAKE_FILE);
  if (error < 0)
    return error;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  int symlinks = values[STEP_ATTACH_MOUNT_NO_SYMLINKS].number == 0;
  cleanup_close int target = path_make(root, path, (enum path_create)create, symlinks);
  if (target < 0)
    return report(context, target, path);
  error = attach_tree(context, slot, target, ATTACH_PRIVATE);
  if (error < 0)
    return report(context, error, path);
  slot_empty(context, slot);
  return 0;
}

int step_attach_at(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_ATTACH_AT_TARGET].bytes;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  cleanup_close int target = path_open(root, path, O_PATH, 1);
  if (target < 0)
    return report(context, target, path);
  int error = attach_tree(context, values[STEP_ATTACH_AT_SLOT].number, target, ATTACH_PRIVATE);
  if (error < 0)
    return report(context, error, path);
  slot_empty(context, values[STEP_ATTACH_AT_SLOT].number);
  return 0;
}

int step_pivot_root(struct step_context *context, const struct value *values) {
  (void)values;
  if (context->root < 0)
    return report(context, -EBADF, "no root is attached");
  if (fchdir(context->root) < 0)
    return report(context, -errno, "the future root");
  /* The old root comes to lie on top of the new one, where `.` still finds it (pivot_root(2), NOTES). */
  if (syscall(SYS_pivot_root, ".", ".") < 0)
    return report(context, -errno, "pivot_root");
  if (umount2(".", MNT_DETACH) < 0)
    return report(context, -errno, "detaching the old root");
  if (chdir("/") < 0)
    return report(context, -errno, "/");
  close(context->root);
  context->root = -1;
  return 0;
}

int step_read_only_root(struct step_context *context, const struct value *values) {
  (void)values;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  int error = attributes_set(root, MOUNT_ATTR_RDONLY, 0);
  if (error == -ENOSYS && context->root >= 0)
    error = attributes_remount(root, MOUNT_ATTR_RDONLY, 0);
  else if (error == -ENOSYS)
    error = attributes_remount_root(MOUNT_ATTR_RDONLY);
  return error < 0 ? report(context, error, "/") : 0;
}
