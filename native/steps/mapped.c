/* Trees whose owners are seen through the maps of the container's user namespace (MOUNT_ATTR_IDMAP, Linux 5.12). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "attributes.h"
#include "mapped.h"
#include "report.h"

int mapped_set(int tree, int user_namespace, int recursive) {
  struct mount_attr wanted = {
      .attr_set = MOUNT_ATTR_IDMAP,
      .propagation = MS_PRIVATE,
      .userns_fd = (uint64_t)user_namespace,
  };
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return mount_setattr(tree, "", flags, &wanted, sizeof(wanted)) < 0 ? -errno : 0;
}

int step_map_tree(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAP_TREE_PATH].bytes;
  int tree = slot_get(context, values[STEP_MAP_TREE_SLOT].number);
  if (tree < 0)
    return tree;
  if (context->user_namespace < 0)
    return report(context, -EBADF, "no maps are written");
  int error = mapped_set(tree, context->user_namespace, 1);
  return error < 0 ? report(context, error, path) : 0;
}

static int clone_mapped(const char *path, int user_namespace) {
  cleanup_close int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
  if (tree < 0)
    return -errno;
  int error = mapped_set(tree, user_namespace, 0);
  return error < 0 ? error : descriptor_keep(&tree);
}

void copies_close(struct copies *copies) {
  for (int i = 0; i < copies->count; i++)
    close(copies->trees[i]);
}

void copies_add(struct copies *copies, int tree, char *name) {
  copies->trees[copies->count++] = tree;
  descriptor_path(tree, name);
}

static int add_copy(struct copies *copies, const char *path, int user_namespace, char *name) {
  int tree = clone_mapped(path, user_namespace);
  if (tree < 0)
    return tree;
  copies_add(copies, tree, name);
  return 0;
}

int copies_add_upper(struct copies *copies, const char *upper, const char *work, int user_namespace) {
  const char *upper_name = strrchr(upper, '/'), *work_name = strrchr(work, '/');
  char parent[PATH_MAX], name[DESCRIPTOR_PATH_BYTES];
  if (upper_name == NULL || work_name == NULL || upper_name == upper || upper_name - upper != work_name - work)
    return -EINVAL;
  size_t length = (size_t)(upper_name - upper);
  if (memcmp(upper, work, length) != 0 || strlen(upper_name) > NAME_MAX + 1 || strlen(work_name) > NAME_MAX + 1)
    return -EINVAL;
  if (length >= sizeof(parent))
    return -ENAMETOOLONG;
  memcpy(parent, upper, length);
  parent[length] = '\0';
  int error = add_copy(copies, parent, user_namespace, name);
  if (error < 0)
    return error;
  snprintf(copies->upper, sizeof(copies->upper), "%s%s", name, upper_name);
  snprintf(copies->work, sizeof(copies->work), "%s%s", name, work_name);
  return 0;
}

static int list_layers(struct step_context *context, struct overlay *overlay, const struct value *list) {
  struct string_cursor cursor = string_cursor(list);
  const char *layer;
  while ((layer = string_next(&cursor)) != NULL) {
    if (overlay->lower_count == OVERLAY_LAYERS)
      return report_number(context, -E2BIG, "layers of the overlay are more than", OVERLAY_LAYERS);
    overlay->lower[overlay->lower_count++] = layer;
  }
  return overlay->lower_count == 0 ? report(context, -EINVAL, "an overlay without layers") : 0;
}

static int copy_layers(struct step_context *context, struct copies *copies, struct overlay *overlay,
                       const struct value *list) {
  int error = list_layers(context, overlay, list);
  for (int i = 0; error == 0 && i < overlay->lower_count; i++) {
    error = add_copy(copies, overlay->lower[i], context->user_namespace, copies->names[i]);
    if (error < 0)
      return report(context, error, overlay->lower[i]);
    overlay->lower[i] = copies->names[i];
  }
  return error;
}

int copies_mount(struct overlay *overlay, const struct copies *copies) {
  int mount = overlay_by_layers(overlay);
  return mount == -EINVAL ? overlay_by_attached(overlay, copies->trees, copies->count) : mount;
}

int step_create_mapped_overlay(struct step_context *context, const struct value *values) {
  const char *upper = values[STEP_CREATE_MAPPED_OVERLAY_UPPER].bytes;
  const char *work = values[STEP_CREATE_MAPPED_OVERLAY_WORK].bytes;
  uint64_t attributes = values[STEP_CREATE_MAPPED_OVERLAY_ATTRIBUTES].number;
  cleanup_copies struct copies copies = {0};
  struct overlay overlay = {.attributes = attributes};
  int error = check_at_most(context, "attributes", attributes, UINT32_MAX);
  if (error < 0)
    return error;
  if (context->user_namespace < 0)
    return report(context, -EBADF, "no maps are written");
  error = copy_layers(context, &copies, &overlay, &values[STEP_CREATE_MAPPED_OVERLAY_LOWER]);
  if (error < 0)
    return error;
  if (upper[0] != '\0') {
    error = copies_add_upper(&copies, upper, work, context->user_namespace);
    if (error < 0)
      return report(context, error, upper);
    overlay.upper = copies.upper;
    overlay.work = copies.work;
  }
  if (overlay_is_only_layer(&overlay)) {
    error = attributes_set(copies.trees[0], attributes | MOUNT_ATTR_RDONLY, 0);
    if (error < 0)
      return report(context, error, "attributes");
    return slot_fill(context, values[STEP_CREATE_MAPPED_OVERLAY_SLOT].number, copies.trees[--copies.count]);
  }
  int mount = copies_mount(&overlay, &copies);
  if (mount < 0)
    return report_about(context, mount, upper, overlay.log[0] != '\0' ? overlay.log : "overlay");
  return slot_fill(context, values[STEP_CREATE_MAPPED_OVERLAY_SLOT].number, mount);
}

/* A copy of what the slot holds goes among the others, for the slot itself is emptied only once all is well. */
int copies_add_disk(struct copies *copies, int disk) {
  int tree = fcntl(disk, F_DUPFD_CLOEXEC, 0);
  if (tree < 0)
    return -errno;
  char name[DESCRIPTOR_PATH_BYTES];
  copies_add(copies, tree, name);
  snprintf(copies->upper, sizeof(copies->upper), "%s/upper", name);
  snprintf(copies->work, sizeof(copies->work), "%s/work", name);
  return 0;
}

int step_create_overlay_on(struct step_context *context, const struct value *values) {
  uint64_t attributes = values[STEP_CREATE_OVERLAY_ON_ATTRIBUTES].number;
  uint64_t mapped = values[STEP_CREATE_OVERLAY_ON_MAPPED].number;
  const struct value *layers = &values[STEP_CREATE_OVERLAY_ON_LOWER];
  cleanup_copies struct copies copies = {0};
  struct overlay overlay = {.attributes = attributes, .upper = copies.upper, .work = copies.work};
  int disk = slot_get(context, values[STEP_CREATE_OVERLAY_ON_DISK].number);
  if (disk < 0)
    return disk;
  int error = check_at_most(context, "attributes", attributes, UINT32_MAX);
  if (error < 0)
    return error;
  if (mapped != 0 && context->user_namespace < 0)
    return report(context, -EBADF, "no maps are written");
  error = mapped != 0 ? copy_layers(context, &copies, &overlay, layers) : list_layers(context, &overlay, layers);
  if (error < 0)
    return error;
  error = mapped != 0 ? mapped_set(disk, context->user_namespace, 0) : 0;
  if (error == 0)
    error = copies_add_disk(&copies, disk);
  if (error < 0)
    return report(context, error, "disk");
  int mount = copies_mount(&overlay, &copies);
  if (mount < 0)
    return report_about(context, mount, copies.upper, overlay.log[0] != '\0' ? overlay.log : "overlay");
  slot_empty(context, values[STEP_CREATE_OVERLAY_ON_DISK].number);
  return slot_fill(context, values[STEP_CREATE_OVERLAY_ON_SLOT].number, mount);
}
