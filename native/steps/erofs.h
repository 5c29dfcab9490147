/* Read-only file systems in files. */
#ifndef ISOPOD_STEPS_EROFS_H
#define ISOPOD_STEPS_EROFS_H

#include <stddef.h>

/*
 * A detached mount of an erofs image, by its file (Linux 6.12) or by a loop device that goes with it. -EBADMSG: it is not sealed with
 * this digest, unless that is empty. -ENXIO: this kernel wants a loop device, and there are none. `log` gets what the kernel said when it refused.
 */
int erofs_mount(const char *path, const char *digest, char *log, size_t size);

#endif
