/* Overlay file systems that appear in no mount table until they are attached. */
#ifndef ISOPOD_STEPS_OVERLAY_H
#define ISOPOD_STEPS_OVERLAY_H

#include "../helper.h"

/* fsconfig(2) takes strings below this. */
#define FSCONFIG_VALUE_BYTES 256
/* As many as the kernel stacks (OVL_MAX_STACK). */
#define OVERLAY_LAYERS 500

struct overlay {
  const char *lower[OVERLAY_LAYERS];   /* top first */
  int lower_count;
  const char *upper, *work;            /* NULL for a read-only one */
  uint64_t attributes;                 /* MOUNT_ATTR_* */
  char log[DETAIL_BYTES];              /* what the kernel said when it refused */
};

/* One layer and nothing to write to: the kernel stacks no such thing, so the layer is shown itself, read-only. */
static inline int overlay_is_only_layer(const struct overlay *overlay) {
  return overlay->lower_count == 1 && overlay->upper == NULL;
}

/* Each returns a detached mount or a negative errno. `overlay_mount` takes the first that the kernel can do. */
int overlay_mount(struct overlay *overlay);
/* `lowerdir+`, a layer at a time (Linux 6.7): -EINVAL before. */
int overlay_by_layers(struct overlay *overlay);
/* One `lowerdir` of descriptor numbers, which fsconfig(2) cuts at 256 bytes: -E2BIG over that. */
int overlay_by_list(struct overlay *overlay);
/* mount(2) in a mount namespace that lives only for it; a page of options: -E2BIG over that. */
int overlay_by_namespace(struct overlay *overlay);
/* As the first two, in a mount namespace that lives only for it, where these detached trees, which hold the layers, are attached. */
int overlay_by_attached(struct overlay *overlay, const int *trees, int count);

#endif
