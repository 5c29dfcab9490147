/* A procfs that no container has touched. */
#ifndef ISOPOD_STEPS_PROCFS_H
#define ISOPOD_STEPS_PROCFS_H

/*
 * The root of a procfs of this process's pid namespace: a detached mount of its own where the kernel gives one, else /proc
 * if that is the root of a procfs. What is mounted over /proc or below it must not catch what is written there
 * (CVE-2019-16884, CVE-2025-52881). The caller closes it.
 */
int procfs_open(void);
/* One write(2) to an existing file below it, through no symlink but `self`'s own, no magic link and no other mount. */
int procfs_write(int procfs, const char *path, const char *value);

#endif
