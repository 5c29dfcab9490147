/* Attributes of mounts: mount_setattr(2) (Linux 5.12), and what stands in for it where the kernel or a filter lacks it. */
#ifndef ISOPOD_STEPS_ATTRIBUTES_H
#define ISOPOD_STEPS_ATTRIBUTES_H

#include <stdint.h>

/* Adds MOUNT_ATTR_* to the tree at `mount`, attached or not; -ENOSYS when there is no mount_setattr. */
int attributes_set(int mount, uint64_t attributes, int recursive);
/* MS_PRIVATE or MS_SLAVE for the whole tree at `mount`, attached or not; -ENOSYS as above. */
int attributes_propagate(int mount, unsigned long propagation);
/* Both for a tree that is attached, by mount(2) on the path that /proc/self/fd shows. */
int attributes_remount(int mount, uint64_t attributes, int recursive);
/* For `/` itself, without /proc, which is the container's by then. */
int attributes_remount_root(uint64_t attributes);
int attributes_repropagate(int mount_point, unsigned long propagation);

#endif
