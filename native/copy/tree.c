#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../file_access.h"
#include "../steps/descriptors.h"

#define LIST_BYTES 4096

static int is_gone(int error) {
  return error == -ENOENT || error == -ESTALE;
}

int pack_plain(struct pack *pack, const struct stat *status, char type, const char *link) {
  struct item item = {.status = status, .type = type, .link = link};
  int result = pack_header(pack, &item);
  free(item.records.bytes);
  return result;
}

static int pack_symlink(struct pack *pack, int found, const struct stat *status) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(found, "", target, sizeof(target));
  if (length < 0)
    return -errno;
  if (length == (ssize_t)sizeof(target))
    return -ENAMETOOLONG;
  target[length] = 0;
  return pack_plain(pack, status, '2', target);
}

/* With a slash at the end, as every writer has it. There is room: a name is entered with two bytes to spare. */
static int pack_directory(struct pack *pack, int found, const struct stat *status) {
  struct item item = {.status = status, .type = '5', .link = ""};
  size_t length = pack->name_length;
  int result = 0;
  if (pack->attributes == PACK_ATTRIBUTES_WHOLE) {
    cleanup_close int directory = pack_reopen(pack, found, O_RDONLY | O_DIRECTORY);
    result = directory < 0 ? directory : pack_attributes(pack, &item.records, directory);
  }
  memcpy(pack->name + length, "/", 2);
  pack->name_length++;
  if (result == 0)
    result = pack_header(pack, &item);
  free(item.records.bytes);
  pack->name_length = length;
  pack->name[length] = 0;
  return result;
}

int pack_node(struct pack *pack, int found, const struct stat *status) {
  const char *first;
  switch (status->st_mode & S_IFMT) {
    case S_IFREG:
      first = status->st_nlink > 1 ? links_find(&pack->links, status, pack->name) : NULL;
      return first != NULL ? pack_plain(pack, status, '1', first) : pack_file(pack, found);
    case S_IFDIR:
      return pack_directory(pack, found, status);
    case S_IFLNK:
      return pack_symlink(pack, found, status);
    case S_IFCHR:
      return pack_plain(pack, status, '3', "");
    case S_IFBLK:
      return pack_plain(pack, status, '4', "");
    case S_IFIFO:
      return pack_plain(pack, status, '6', "");
    default:
      return 0;
  }
}

ssize_t name_enter(struct pack *pack, const char *name) {
  size_t before = pack->name_length, length = strlen(name);
  if (before + length + 2 > sizeof(pack->name))
    return -ENAMETOOLONG;
  if (before > 0)
    pack->name[pack->name_length++] = '/';
  memcpy(pack->name + pack->name_length, name, length + 1);
  pack->name_length += length;
  return (ssize_t)before;
}

void name_leave(struct pack *pack, size_t before) {
  pack->name_length = before;
  pack->name[before] = 0;
}

/* A directory that the kernel makes up is there, and empty: what is mounted in a container is not part of what it has. */
static int is_shown_empty(int found, const struct stat *status, dev_t device) {
  return status->st_dev != device ? pack_is_kernels(found) : 0;
}

int pack_mount_of(int found, uint64_t *mount) {
  struct statx status;
  *mount = 0;
  if (statx(found, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0)
    return -errno;
  if ((status.stx_mask & STATX_MNT_ID) == 0)
    return -EOPNOTSUPP;
  *mount = status.stx_mnt_id;
  return 0;
}

/* 1 once it is packed: what is mounted here is not what the tree has, and only its place is shown. */
static int pack_place(struct pack *pack, int found, const struct stat *status) {
  uint64_t mount;
  if (pack->mount == 0)
    return 0;
  int result = pack_mount_of(found, &mount);
  if (result < 0 || mount == pack->mount)
    return result;
  result = S_ISDIR(status->st_mode) ? pack_directory(pack, found, status) : pack_plain(pack, status, '0', "");
  return result < 0 ? result : 1;
}

static int pack_child(struct pack *pack, int directory, const char *name, dev_t device, int depth) {
  struct stat status;
  cleanup_close int found = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (found < 0)
    return is_gone(-errno) ? 0 : -errno;
  if (fstat(found, &status) < 0)
    return -errno;
  int result = pack_place(pack, found, &status);
  if (result != 0)
    return result < 0 ? result : 0;
  result = pack_node(pack, found, &status);
  if (result < 0 || !S_ISDIR(status.st_mode))
    return result;
  int empty = is_shown_empty(found, &status, device);
  if (empty != 0)
    return empty < 0 ? empty : 0;
  return pack_children(pack, found, &status, depth + 1);
}

static int pack_listed(struct pack *pack, int directory, const struct listed *listed, dev_t device, int depth) {
  if (strcmp(listed->name, ".") == 0 || strcmp(listed->name, "..") == 0)
    return 0;
  ssize_t before = name_enter(pack, listed->name);
  if (before < 0)
    return (int)before;
  int result = pack_child(pack, directory, listed->name, device, depth);
  /* The name of what failed stays, for who tells it. */
  if (result == 0)
    name_leave(pack, (size_t)before);
  return result;
}

int pack_children(struct pack *pack, int found, const struct stat *status, int depth) {
  _Alignas(8) char list[LIST_BYTES];
  if (depth == MAX_LEVELS)
    return -ELOOP;
  cleanup_close int directory = pack_reopen(pack, found, O_RDONLY | O_DIRECTORY);
  if (directory < 0)
    return directory;
  for (;;) {
    ssize_t end = syscall(SYS_getdents64, directory, list, sizeof(list));
    if (end < 0)
      return errno == ENOENT ? 0 : -errno;
    if (end == 0)
      return 0;
    for (ssize_t at = 0; at < end;) {
      const struct listed *listed = (const struct listed *)(const void *)(list + at);
      at += listed->length;
      int result = pack_listed(pack, directory, listed, status->st_dev, depth);
      if (result < 0)
        return result;
    }
  }
}
