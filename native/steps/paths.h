/*
 * Paths of a container, resolved once, by descriptor, so that no symlink of an image leads out of its root
 * (openat2(2), RESOLVE_IN_ROOT, Linux 5.6; where a filter refuses that call, name by name with O_NOFOLLOW). Magic links of
 * /proc are never followed.
 */
#ifndef ISOPOD_STEPS_PATHS_H
#define ISOPOD_STEPS_PATHS_H

#include "../helper.h"

/* What is made where nothing is. */
enum path_create { PATH_MUST_EXIST = 0, PATH_MAKE_DIRECTORIES = 1, PATH_MAKE_FILE = 2 };

/* The container's root: the future root before pivot-root, `/` after it and where there is none. The context keeps it. */
int root_of(struct step_context *context);
/* For `symlinks`: they are followed as long as they stay below `root`; one that is absolute or climbs out is -EXDEV. */
#define PATH_BENEATH 2
/* Opens a path inside `root`; `symlinks` 0 refuses every symlink on the way and at the end (-ELOOP), 1 has `root` as their root. */
int path_open(int root, const char *path, int flags, int symlinks);
/*
 * An O_PATH descriptor of a path inside `root`, after making what is missing (directories 0755, the file 0644, whatever
 * the umask). A symlink in the middle is resolved inside the root, a dangling one has its target made.
 */
int path_make(int root, const char *path, enum path_create create, int symlinks);
/* The last part of a path, which must be a name; `name` has NAME_MAX + 1 bytes. */
int path_name(const char *path, char *name);
/* The directory that a path below `base` is in, through no symlink. */
int path_parent(int base, const char *path);

#endif
