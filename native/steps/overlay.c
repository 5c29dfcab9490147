#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "attributes.h"
#include "descriptors.h"
#include "filesystem.h"

int overlay_by_layers(struct overlay *overlay) {
  cleanup_close int context = filesystem_open("overlay", "overlay");
  if (context < 0)
    return context;
  for (int i = 0; i < overlay->lower_count; i++) {
    const char *path = overlay->lower[i];
    char short_path[DESCRIPTOR_PATH_BYTES];
    cleanup_close int directory = -1;
    if (strlen(path) >= FSCONFIG_VALUE_BYTES) {
      directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
      if (directory < 0)
        return -errno;
      descriptor_path(directory, short_path);
      path = short_path;
    }
    int error = filesystem_set(context, "lowerdir+", path);
    if (error < 0)
      return filesystem_refused(context, error, overlay->log, sizeof(overlay->log));
  }
  int error = overlay->upper != NULL ? filesystem_set(context, "upperdir", overlay->upper) : 0;
  if (error == 0 && overlay->upper != NULL)
    error = filesystem_set(context, "workdir", overlay->work);
  int mount = error < 0 ? error : filesystem_mount(context, overlay->attributes);
  return mount < 0 ? filesystem_refused(context, mount, overlay->log, sizeof(overlay->log)) : mount;
}

/* The kernel stacks no single layer without an upper one, so that one is shown itself. */
static int show_only_layer(struct overlay *overlay) {
  cleanup_close int tree = open_tree(AT_FDCWD, overlay->lower[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0)
    return -errno;
  int error = attributes_set(tree, overlay->attributes | MOUNT_ATTR_RDONLY, 0);
  if (error == -ENOSYS)
    return overlay_by_namespace(overlay);
  return error < 0 ? error : descriptor_keep(&tree);
}

int overlay_mount(struct overlay *overlay) {
  if (overlay_is_only_layer(overlay))
    return show_only_layer(overlay);
  int mount = overlay_by_layers(overlay);
  if (mount != -EINVAL || overlay->lower_count == 0)
    return mount;
  int by_list = overlay_by_list(overlay);
  if (by_list == -E2BIG)
    by_list = overlay_by_namespace(overlay);
  return by_list;
}
