/* What is on a disk in a file, which somebody may have mounted. */
#ifndef ISOPOD_STEPS_DISK_VIEW_H
#define ISOPOD_STEPS_DISK_VIEW_H

/* A detached mount of it that nothing is written to, or a negative errno. */
int disk_view(const char *path);

#endif
