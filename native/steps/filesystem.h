/* New file systems: fsopen(2), fsconfig(2), fsmount(2) (Linux 5.2). */
#ifndef ISOPOD_STEPS_FILESYSTEM_H
#define ISOPOD_STEPS_FILESYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* A file system to be configured; an empty source is left out. */
int filesystem_open(const char *type, const char *source);
int filesystem_set(int filesystem, const char *key, const char *value);
/* `key=value`, or a flag. */
int filesystem_option(int filesystem, const char *option);
/* Creates it and returns a detached mount of it. */
int filesystem_mount(int filesystem, uint64_t attributes);
/* Fetches what the kernel logged about the last refusal, an empty string where nothing, and returns `error`. */
int filesystem_refused(int filesystem, int error, char *log, size_t size);

#endif
