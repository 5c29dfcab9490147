/* Steps that make mounts, detached in a slot, and set what holds for them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "attributes.h"
#include "descriptors.h"
#include "filesystem.h"
#include "overlay.h"
#include "report.h"

int step_create_overlay(struct step_context *context, const struct value *values) {
  const char *upper = values[STEP_CREATE_OVERLAY_UPPER].bytes;
  const char *work = values[STEP_CREATE_OVERLAY_WORK].bytes;
  int error = check_at_most(context, "attributes", values[STEP_CREATE_OVERLAY_ATTRIBUTES].number, UINT32_MAX);
  if (error < 0)
    return error;
  struct overlay overlay = {
      .upper = upper[0] != '\0' ? upper : NULL,
      .work = work,
      .attributes = values[STEP_CREATE_OVERLAY_ATTRIBUTES].number,
  };
  struct string_cursor cursor = string_cursor(&values[STEP_CREATE_OVERLAY_LOWER]);
  const char *layer;
  while ((layer = string_next(&cursor)) != NULL) {
    if (overlay.lower_count == OVERLAY_LAYERS)
      return report_number(context, -E2BIG, "layers of the overlay are more than", OVERLAY_LAYERS);
    overlay.lower[overlay.lower_count++] = layer;
  }
  if (overlay.lower_count == 0)
    return report(context, -EINVAL, "an overlay without layers");
  int mount = overlay_mount(&overlay);
  if (mount < 0)
    return report_about(context, mount, overlay.upper != NULL ? upper : overlay.lower[0],
                        overlay.log[0] != '\0' ? overlay.log : "overlay");
  return slot_fill(context, values[STEP_CREATE_OVERLAY_SLOT].number, mount);
}

enum { EXPECT_NO_SYMLINK = 0, EXPECT_DIRECTORY = 1, EXPECT_ANYTHING_FOLLOWED = 2 };

/* O_PATH of what the tree starts at, if it is what was expected there. */
static int open_expected(const char *path, uint64_t expect) {
  cleanup_close int top = open(path, O_PATH | O_CLOEXEC | (expect == EXPECT_ANYTHING_FOLLOWED ? 0 : O_NOFOLLOW));
  struct stat status;
  if (top < 0 || fstat(top, &status) < 0)
    return -errno;
  if (S_ISLNK(status.st_mode))
    return -ELOOP;
  if (expect == EXPECT_DIRECTORY && !S_ISDIR(status.st_mode))
    return -ENOTDIR;
  return descriptor_keep(&top);
}

int step_clone_tree(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_CLONE_TREE_PATH].bytes;
  int error = check_at_most(context, "expect", values[STEP_CLONE_TREE_EXPECT].number, EXPECT_ANYTHING_FOLLOWED);
  if (error < 0)
    return error;
  cleanup_close int top = open_expected(path, values[STEP_CLONE_TREE_EXPECT].number);
  if (top < 0)
    return report(context, top, path);
  unsigned recursive = values[STEP_CLONE_TREE_RECURSIVE].number == 1 ? AT_RECURSIVE : 0;
  int tree = open_tree(top, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);
  if (tree < 0)
    return report(context, -errno, path);
  return slot_fill(context, values[STEP_CLONE_TREE_SLOT].number, tree);
}

int step_create_mount(struct step_context *context, const struct value *values) {
  const char *type = values[STEP_CREATE_MOUNT_TYPE].bytes;
  int error = check_at_most(context, "attributes", values[STEP_CREATE_MOUNT_ATTRIBUTES].number, UINT32_MAX);
  if (error < 0)
    return error;
  cleanup_close int filesystem = filesystem_open(type, values[STEP_CREATE_MOUNT_SOURCE].bytes);
  if (filesystem < 0)
    return report(context, filesystem, type);
  char log[DETAIL_BYTES];
  struct string_cursor cursor = string_cursor(&values[STEP_CREATE_MOUNT_OPTIONS]);
  const char *option;
  while ((option = string_next(&cursor)) != NULL) {
    error = filesystem_option(filesystem, option);
    if (error < 0) {
      filesystem_refused(filesystem, error, log, sizeof(log));
      return report_about(context, error, type, log[0] != '\0' ? log : option);
    }
  }
  int mount = filesystem_mount(filesystem, values[STEP_CREATE_MOUNT_ATTRIBUTES].number);
  if (mount < 0)
    return report_about(context, filesystem_refused(filesystem, mount, log, sizeof(log)), type, log);
  return slot_fill(context, values[STEP_CREATE_MOUNT_SLOT].number, mount);
}

int step_set_mount_attributes(struct step_context *context, const struct value *values) {
  uint64_t slot = values[STEP_SET_MOUNT_ATTRIBUTES_SLOT].number;
  uint64_t attributes = values[STEP_SET_MOUNT_ATTRIBUTES_ATTRIBUTES].number;
  int recursive = values[STEP_SET_MOUNT_ATTRIBUTES_RECURSIVE].number == 1;
  int error = check_at_most(context, "attributes", attributes, UINT32_MAX);
  if (error < 0)
    return error;
  int tree = slot_get(context, slot);
  if (tree < 0)
    return tree;
  error = attributes_set(tree, attributes, recursive);
  if (error == -ENOSYS) {
    /* mount(2) knows attached mounts only, so it is said again when the tree is attached. */
    context->late_attributes[slot] |= attributes | (recursive ? LATE_RECURSIVE : 0);
    return 0;
  }
  return error < 0 ? report_number(context, error, "attributes of slot", slot) : 0;
}

int step_set_propagation(struct step_context *context, const struct value *values) {
  unsigned long flags = (unsigned long)values[STEP_SET_PROPAGATION_FLAGS].number;
  /* Nothing but propagation: other bits would turn the call into a mount or a remount. */
  if (flags & ~(unsigned long)(MS_REC | MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE))
    return report_number(context, -EINVAL, "propagation flags", flags);
  return mount(NULL, "/", NULL, flags, NULL) < 0 ? report(context, -errno, "/") : 0;
}
