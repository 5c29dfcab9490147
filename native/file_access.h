/* What every part of the helper does with files; it knows nothing of steps or messages. */
#ifndef ISOPOD_FILE_ACCESS_H
#define ISOPOD_FILE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

/* All of it, in as many calls as the kernel takes. */
int write_all(int file, const void *bytes, size_t length);

/* An entry of a directory as getdents64(2) lays it out. */
struct listed {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

#endif
