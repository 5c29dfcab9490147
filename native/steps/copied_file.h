/* Copies that keep all there is of a file, and share nothing with it. */
#ifndef ISOPOD_STEPS_COPIED_FILE_H
#define ISOPOD_STEPS_COPIED_FILE_H

#include <sys/stat.h>

/* A name in an open directory. */
struct entry_place {
  int directory;
  const char *name;
};

/* A regular file with its holes; `to` must not be there. No block is shared, so that no file system makes a clone of it. */
int copied_content(struct entry_place from, struct entry_place to, off_t size);
/* Owner, mode, attributes and times, for what is there already; those of overlayfs itself stay behind. */
int copied_metadata(struct entry_place from, struct entry_place to, const struct stat *status);
/* Takes the attributes of a directory away, so that nothing in it inherits them. */
int copied_attributes_clear(int directory);

#endif
