/* Loop devices that the kernel lets go with their last user. */
#ifndef ISOPOD_STEPS_LOOP_H
#define ISOPOD_STEPS_LOOP_H

#include <stddef.h>
#include <stdint.h>

#define LOOP_PATH_BYTES 32

/* A device of an open file, whose path goes to `device`; LO_FLAGS_* besides that. Its descriptor, or a negative errno. */
int loop_attach(int file, uint32_t flags, char *device, size_t size);

#endif
