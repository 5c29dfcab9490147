/* Steps that put volumes into a container: filled, narrowed, owned and attached by descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../file_access.h"
#include "attach.h"
#include "descriptors.h"
#include "paths.h"
#include "report.h"
#include "tree.h"

/* `create`: beyond those of path_make, what the tree itself is. */
enum { CREATE_AS_TREE = 3 };
enum { FILL_NOT = 0, FILL_WHEN_EMPTY = 1, FILL_COMPLETING = 2 };

static int check_attach(struct step_context *context, const struct value *values) {
  int error = check_at_most(context, "create", values[STEP_ATTACH_VOLUME_CREATE].number, CREATE_AS_TREE);
  if (error == 0)
    error = check_at_most(context, "propagation", values[STEP_ATTACH_VOLUME_PROPAGATION].number, ATTACH_AS_IT_IS);
  return error < 0 ? error : check_at_most(context, "fill", values[STEP_ATTACH_VOLUME_FILL].number, FILL_COMPLETING);
}

/* Copies what the root file system has at `target` into the tree of a slot. */
static int fill(struct step_context *context, uint64_t slot, int target, uint64_t how) {
  int tree = slot_get(context, slot);
  struct stat status;
  if (tree < 0)
    return tree;
  if (fstat(target, &status) < 0)
    return -errno;
  if (!S_ISDIR(status.st_mode))
    return 0;
  cleanup_close int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  cleanup_close int to = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0 || to < 0)
    return -errno;
  int empty = how == FILL_COMPLETING ? 1 : tree_is_empty(to);
  return empty <= 0 ? empty : tree_copy(from, to);
}

static int what_to_make(struct step_context *context, uint64_t slot, uint64_t create) {
  int tree = slot_get(context, slot);
  struct stat status;
  if (tree < 0 || create != CREATE_AS_TREE)
    return tree < 0 ? tree : (int)create;
  if (fstat(tree, &status) < 0)
    return -errno;
  return S_ISDIR(status.st_mode) ? PATH_MAKE_DIRECTORIES : PATH_MAKE_FILE;
}

int step_attach_volume(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_ATTACH_VOLUME_TARGET].bytes;
  uint64_t slot = values[STEP_ATTACH_VOLUME_SLOT].number;
  int error = check_attach(context, values);
  if (error < 0)
    return error;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  int create = what_to_make(context, slot, values[STEP_ATTACH_VOLUME_CREATE].number);
  if (create < 0)
    return create;
  int symlinks = values[STEP_ATTACH_VOLUME_NO_SYMLINKS].number == 0;
  cleanup_close int target = path_make(root, path, (enum path_create)create, symlinks);
  if (target < 0)
    return report(context, target, path);
  if (values[STEP_ATTACH_VOLUME_FILL].number != FILL_NOT)
    error = fill(context, slot, target, values[STEP_ATTACH_VOLUME_FILL].number);
  if (error == 0)
    error = attach_tree(context, slot, target, (enum attach_propagation)values[STEP_ATTACH_VOLUME_PROPAGATION].number);
  if (error < 0)
    return report(context, error, path);
  if (values[STEP_ATTACH_VOLUME_KEEP].number != 1)
    slot_empty(context, slot);
  return 0;
}

/*
 * A detached mount cannot be copied before Linux 6.15, so the tree is attached where nobody sees it, in our own mount
 * namespace, while what is wanted of it is taken.
 */
static int take_inside(int tree, const char *path, const char *mount_point) {
  cleanup_close int place = open(mount_point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0)
    return -errno;
  if (move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    return -errno;
  cleanup_close int inside = path_open(tree, path, O_PATH, 1);
  int taken = inside < 0 ? inside
                         : open_tree(inside, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  if (inside >= 0 && taken < 0)
    taken = -errno;
  char attached[DESCRIPTOR_PATH_BYTES];
  descriptor_path(tree, attached);
  if (umount2(attached, MNT_DETACH) == 0)
    return taken;
  int error = -errno;
  if (taken >= 0)
    close(taken);
  return error;
}

int step_narrow_mount(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_NARROW_MOUNT_PATH].bytes;
  uint64_t slot = values[STEP_NARROW_MOUNT_SLOT].number;
  int tree = slot_get(context, slot);
  if (tree < 0)
    return tree;
  int inside = take_inside(tree, path, values[STEP_NARROW_MOUNT_MOUNT_POINT].bytes);
  if (inside < 0)
    return report(context, inside, path);
  slot_empty(context, slot);
  return slot_fill(context, slot, inside);
}

int step_own_mount(struct step_context *context, const struct value *values) {
  int tree = slot_get(context, values[STEP_OWN_MOUNT_SLOT].number);
  if (tree < 0)
    return tree;
  int error = tree_own(tree, context->credentials.uid, context->credentials.gid);
  return error < 0 ? report_number(context, error, "owner of all in slot", values[STEP_OWN_MOUNT_SLOT].number) : 0;
}

/* Nothing of the content is ever part of a report: it may be a secret. */
int step_write_in(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_WRITE_IN_PATH].bytes;
  const struct value *content = &values[STEP_WRITE_IN_CONTENT];
  int error = check_at_most(context, "mode", values[STEP_WRITE_IN_MODE].number, 07777);
  if (error == 0)
    error = check_at_most(context, "uid", values[STEP_WRITE_IN_UID].number, UINT32_MAX - 1);
  if (error == 0)
    error = check_at_most(context, "gid", values[STEP_WRITE_IN_GID].number, UINT32_MAX - 1);
  if (error < 0)
    return error;
  int top = slot_get(context, values[STEP_WRITE_IN_SLOT].number);
  if (top < 0)
    return top;
  char name[NAME_MAX + 1];
  error = path_name(path, name);
  if (error < 0)
    return report(context, error, path);
  cleanup_close int directory = path_parent(top, path);
  if (directory < 0)
    return report(context, directory, path);
  cleanup_close int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return report(context, -errno, path);
  error = write_all(file, content->bytes, content->length);
  if (error == 0 && fchown(file, (uid_t)values[STEP_WRITE_IN_UID].number, (gid_t)values[STEP_WRITE_IN_GID].number) < 0)
    error = -errno;
  if (error == 0 && fchmod(file, (mode_t)values[STEP_WRITE_IN_MODE].number) < 0)
    error = -errno;
  return error < 0 ? report(context, error, path) : 0;
}
