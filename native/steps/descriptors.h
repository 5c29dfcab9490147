/* Descriptors that close themselves, and the slots of a launch. */
#ifndef ISOPOD_STEPS_DESCRIPTORS_H
#define ISOPOD_STEPS_DESCRIPTORS_H

#include <errno.h>
#include <unistd.h>

#include "../helper.h"

/* For __attribute__((cleanup)): keeps errno, so that an error can still be read from it afterwards. */
static inline void descriptor_close(int *descriptor) {
  if (*descriptor >= 0) {
    int saved = errno;
    close(*descriptor);
    errno = saved;
  }
}
#define cleanup_close __attribute__((cleanup(descriptor_close)))

/* Gives a descriptor up to the caller of the function that had it in a cleanup_close variable. */
static inline int descriptor_keep(int *descriptor) {
  int kept = *descriptor;
  *descriptor = -1;
  return kept;
}

/* Room for "/proc/self/fd/" and any descriptor. */
#define DESCRIPTOR_PATH_BYTES 32
/* Writes "/proc/self/fd/N". */
void descriptor_path(int descriptor, char *path);

/* Puts a descriptor into an empty slot, which owns it from then on (closed on error): -EINVAL no such slot, -EEXIST filled. */
int slot_fill(struct step_context *context, uint64_t slot, int descriptor);
/* The descriptor in a slot, which keeps it: -EINVAL no such slot, -EBADF empty. */
int slot_get(struct step_context *context, uint64_t slot);
/* Closes what is in a slot and empties it. */
void slot_empty(struct step_context *context, uint64_t slot);

#endif
