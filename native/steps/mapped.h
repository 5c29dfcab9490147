/* Detached trees that an overlay is made of, and names for them below /proc/self/fd. */
#ifndef ISOPOD_STEPS_MAPPED_H
#define ISOPOD_STEPS_MAPPED_H

#include <limits.h>

#include "../helper.h"
#include "descriptors.h"
#include "overlay.h"

/* Of the layers, and of the directory above upper and work. */
struct copies {
  int count;
  int trees[OVERLAY_LAYERS + 1];
  char names[OVERLAY_LAYERS][DESCRIPTOR_PATH_BYTES];
  char upper[DESCRIPTOR_PATH_BYTES + NAME_MAX + 1], work[DESCRIPTOR_PATH_BYTES + NAME_MAX + 1];
};

void copies_close(struct copies *copies);
#define cleanup_copies __attribute__((cleanup(copies_close)))

/* Shows the owners of a tree through the maps of a user namespace, and makes it private: a copy of a shared mount is born as its peer. */
int mapped_set(int tree, int user_namespace, int recursive);
/* Puts a tree, which is owned from then on, among the others and writes its name. */
void copies_add(struct copies *copies, int tree, char *name);
/* A mapped copy of the directory that both stand in, for the kernel wants both on one mount. */
int copies_add_upper(struct copies *copies, const char *upper, const char *work, int user_namespace);
/* The disk of a slot, with the directories `upper` and `work`; the slot keeps it. */
int copies_add_disk(struct copies *copies, int disk);
/* Before Linux 6.15 layers must be attached somewhere, which they then are in a namespace that lives only for it. */
int copies_mount(struct overlay *overlay, const struct copies *copies);

#endif
