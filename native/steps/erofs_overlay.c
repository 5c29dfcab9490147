/* An overlay whose layers are erofs images. */
#include <errno.h>
#include <string.h>

#include "descriptors.h"
#include "erofs.h"
#include "mapped.h"
#include "report.h"

/* Mounts each image, mapped where the container has users of its own. */
static int mount_images(struct step_context *context, struct copies *copies, struct overlay *overlay,
                        const struct value *values) {
  struct string_cursor images = string_cursor(&values[STEP_CREATE_EROFS_OVERLAY_IMAGES]);
  struct string_cursor digests = string_cursor(&values[STEP_CREATE_EROFS_OVERLAY_DIGESTS]);
  int is_mapped = values[STEP_CREATE_EROFS_OVERLAY_MAPPED].number != 0;
  const char *image;
  while ((image = string_next(&images)) != NULL) {
    const char *digest = string_next(&digests);
    if (digest == NULL)
      return report(context, -EINVAL, "an image without a digest");
    if (overlay->lower_count == OVERLAY_LAYERS)
      return report_number(context, -E2BIG, "layers of the overlay are more than", OVERLAY_LAYERS);
    int tree = erofs_mount(image, digest, overlay->log, sizeof(overlay->log));
    if (tree < 0)
      return report_about(context, tree, image, tree == -EBADMSG ? "digest" : overlay->log[0] ? overlay->log : "erofs");
    copies_add(copies, tree, copies->names[overlay->lower_count]);
    overlay->lower[overlay->lower_count] = copies->names[overlay->lower_count];
    overlay->lower_count++;
    int error = is_mapped ? mapped_set(tree, context->user_namespace, 0) : 0;
    if (error < 0)
      return report_about(context, error, image, "id map");
  }
  return overlay->lower_count == 0 ? report(context, -EINVAL, "an overlay without layers") : 0;
}

/* Where is written to: on a disk of its own, below a mapped copy of a directory, or in directories as they are. */
static int add_upper(struct step_context *context, struct copies *copies, struct overlay *overlay,
                     const struct value *values) {
  const char *upper = values[STEP_CREATE_EROFS_OVERLAY_UPPER].bytes;
  const char *work = values[STEP_CREATE_EROFS_OVERLAY_WORK].bytes;
  int is_mapped = values[STEP_CREATE_EROFS_OVERLAY_MAPPED].number != 0;
  int on_disk = values[STEP_CREATE_EROFS_OVERLAY_ON_DISK].number != 0;
  overlay->upper = on_disk || is_mapped ? copies->upper : upper;
  overlay->work = on_disk || is_mapped ? copies->work : work;
  if (on_disk) {
    int disk = slot_get(context, values[STEP_CREATE_EROFS_OVERLAY_DISK].number);
    if (disk < 0)
      return disk;
    int error = is_mapped ? mapped_set(disk, context->user_namespace, 0) : 0;
    if (error == 0)
      error = copies_add_disk(copies, disk);
    return error < 0 ? report(context, error, "disk") : 0;
  }
  int error = is_mapped ? copies_add_upper(copies, upper, work, context->user_namespace) : 0;
  return error < 0 ? report(context, error, upper) : 0;
}

int step_create_erofs_overlay(struct step_context *context, const struct value *values) {
  uint64_t attributes = values[STEP_CREATE_EROFS_OVERLAY_ATTRIBUTES].number;
  cleanup_copies struct copies copies = {0};
  struct overlay overlay = {.attributes = attributes};
  int error = check_at_most(context, "attributes", attributes, UINT32_MAX);
  if (error < 0)
    return error;
  if (values[STEP_CREATE_EROFS_OVERLAY_MAPPED].number != 0 && context->user_namespace < 0)
    return report(context, -EBADF, "no maps are written");
  error = mount_images(context, &copies, &overlay, values);
  if (error == 0)
    error = add_upper(context, &copies, &overlay, values);
  if (error < 0)
    return error;
  int mount = copies_mount(&overlay, &copies);
  if (mount < 0)
    return report_about(context, mount, overlay.upper, overlay.log[0] != '\0' ? overlay.log : "overlay");
  if (values[STEP_CREATE_EROFS_OVERLAY_ON_DISK].number != 0)
    slot_empty(context, values[STEP_CREATE_EROFS_OVERLAY_DISK].number);
  return slot_fill(context, values[STEP_CREATE_EROFS_OVERLAY_SLOT].number, mount);
}
