/* Files with several names that were copied already, by inode. */
#ifndef ISOPOD_STEPS_COPIED_LINKS_H
#define ISOPOD_STEPS_COPIED_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct copied_links {
  size_t count, capacity;          /* capacity: a power of two, or 0 */
  struct copied_link {
    ino_t inode;
    char *path;                    /* of the copy; NULL in a free place */
  } *places;
};

/* The path of its copy, or NULL. */
const char *copied_links_find(const struct copied_links *links, ino_t inode);
/* 0 or -ENOMEM. */
int copied_links_add(struct copied_links *links, ino_t inode, const char *path);
void copied_links_clear(struct copied_links *links);

#endif
