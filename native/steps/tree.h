/* Whole trees, walked by descriptor: no link is followed, no mount is crossed, whatever is renamed meanwhile. */
#ifndef ISOPOD_STEPS_TREE_H
#define ISOPOD_STEPS_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Deepest tree; each level holds up to two descriptors. A deeper one is -ENAMETOOLONG. */
#define TREE_LEVELS 256

/* The names in a directory, `.` and `..` left out. */
struct directory_names {
  int directory;
  size_t at;
  size_t end;
  unsigned char type;              /* DT_*, of the last one; not every file system tells it */
  _Alignas(8) char list[2048];
};

void directory_names_init(struct directory_names *names, int directory);
/* 1 and the next name, which is good until the next call; 0 at the end. */
int directory_names_next(struct directory_names *names, const char **name);

/* A directory in another: through no link (-ELOOP) and no mount (-EXDEV). */
int tree_enter(int directory, const char *name);
/* 1, 0 or an error; `lost+found` of a fresh file system does not count. */
int tree_is_empty(int directory);
/*
 * Copies owner, mode, times and attributes of a directory and all in it onto another. What is there already stays, so
 * a copy that was cut off can be completed; no file is ever there in part.
 */
int tree_copy(int from, int to);
/* Gives what `top` is, and all below it, to these ids. */
int tree_own(int top, uid_t uid, gid_t gid);

#endif
