#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Memory for one archive's directories; a million of them in a deep tree need a quarter of it. */
#define MAX_BYTES ((size_t)128 << 20)

/* Before the bytes of a path that differ from the path before. */
struct record {
  uint64_t inode;
  struct timespec accessed;
  struct timespec modified;
  uint16_t shared;
  uint16_t own;
};

static int reserve(struct directory_times *times, size_t more) {
  if (times->capacity - times->length >= more)
    return 0;
  size_t capacity = times->capacity ? times->capacity * 2 : 64 * 1024;
  if (capacity > MAX_BYTES)
    return -ENOMEM;
  unsigned char *grown = realloc(times->bytes, capacity);
  if (!grown)
    return -ENOMEM;
  times->bytes = grown;
  times->capacity = capacity;
  return 0;
}

int directory_times_add(struct directory_times *times, const struct entry *entry, ino_t inode) {
  size_t length = strlen(entry->name), shared = 0;
  while (shared < length && shared < times->path_length && entry->name[shared] == times->path[shared])
    shared++;
  int result = reserve(times, sizeof(struct record) + length - shared);
  if (result < 0)
    return result;
  struct record record = {
    .inode = inode,
    .accessed = entry->accessed_known ? entry->accessed : entry->modified,
    .modified = entry->modified,
    .shared = (uint16_t)shared,
    .own = (uint16_t)(length - shared),
  };
  memcpy(times->bytes + times->length, &record, sizeof record);
  memcpy(times->bytes + times->length + sizeof record, entry->name + shared, length - shared);
  times->length += sizeof record + length - shared;
  memcpy(times->path, entry->name, length + 1);
  times->path_length = length;
  return 0;
}

/* What stands at the path now may be another thing, or a link to one: only the directory that was meant is touched. */
static int apply(const struct record *record, const char *path, int root) {
  int fd = open_resolved(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_IN_ROOT);
  if (fd < 0)
    return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
  struct stat status;
  struct timespec both[2] = { record->accessed, record->modified };
  int result = fstat(fd, &status) < 0 ? -errno : 0;
  if (result == 0 && status.st_ino == record->inode && futimens(fd, both) < 0)
    result = -errno;
  close(fd);
  return result;
}

int directory_times_apply(struct directory_times *times, int root) {
  char path[PATH_MAX];
  int result = 0;
  for (size_t at = 0; at < times->length && result == 0;) {
    struct record record;
    memcpy(&record, times->bytes + at, sizeof record);
    memcpy(path + record.shared, times->bytes + at + sizeof record, record.own);
    path[record.shared + record.own] = 0;
    at += sizeof record + record.own;
    result = apply(&record, path, root);
  }
  return result;
}

void directory_times_free(struct directory_times *times) {
  free(times->bytes);
  times->bytes = NULL;
}
