/* Directories of a tree that wait for their turn, the last one first, so that none stands on the C stack. */
#ifndef ISOPOD_STEPS_PENDING_H
#define ISOPOD_STEPS_PENDING_H

#include <limits.h>
#include <stddef.h>

struct pending {
  char *bytes;
  size_t length, capacity;
  char path[PATH_MAX];                 /* of the present one, below the root of the tree */
};

/* Below the present one; `note` comes back with it. -ENAMETOOLONG, or -ENOMEM when too many wait. */
int pending_push(struct pending *pending, const char *name, const void *note, size_t note_bytes);
/* 1: the last one that waits became the present one; 0: none does. */
int pending_pop(struct pending *pending, void *note, size_t note_bytes);
void pending_free(struct pending *pending);

#endif
