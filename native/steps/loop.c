#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>   /* snprintf */
#include <sys/ioctl.h>
#include <unistd.h>

#include "descriptors.h"

/* A device that was free may be taken by another before we have it. */
#define MAX_TRIES 64

int loop_attach(int file, uint32_t flags, char *device, size_t size) {
  cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0)
    return -errno;
  for (int tries = 0; tries < MAX_TRIES; tries++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0)
      return -errno;
    snprintf(device, size, "/dev/loop%d", number);
    cleanup_close int loop = open(device, (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    struct loop_config wanted = {.fd = (uint32_t)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR | flags};
    if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &wanted) == 0)
      return descriptor_keep(&loop);
    if (errno != EBUSY)
      return -errno;
  }
  return -EBUSY;
}
