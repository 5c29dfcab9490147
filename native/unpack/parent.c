#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../gen/wire.h"

#define MAX_LINKS 40               /* as the kernel (path_resolution(7)) */
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY)

void parents_init(struct parents *parents) {
  for (int i = 0; i < PARENT_SLOTS; i++)
    parents->slots[i].fd = -1;
}

void parents_flush(struct parents *parents) {
  for (int i = 0; i < PARENT_SLOTS; i++) {
    if (parents->slots[i].fd >= 0)
      close(parents->slots[i].fd);
    parents->slots[i].fd = -1;
  }
  parents->stale = 0;
}

static struct parent_slot *find(struct parents *parents, const char *path, size_t length) {
  for (int i = 0; i < PARENT_SLOTS; i++) {
    struct parent_slot *slot = &parents->slots[i];
    if (slot->fd >= 0 && slot->length == length && memcmp(slot->path, path, length) == 0)
      return slot;
  }
  return NULL;
}

/* The least recently used slot, so the two directories that a hard link needs never push each other out. */
static struct parent_slot *oldest(struct parents *parents) {
  struct parent_slot *best = &parents->slots[0];
  for (int i = 0; i < PARENT_SLOTS; i++) {
    struct parent_slot *slot = &parents->slots[i];
    if (slot->fd < 0)
      return slot;
    if (slot->used < best->used)
      best = slot;
  }
  close(best->fd);
  return best;
}

void parent_keep(struct unpack *unpack, const char *path, int fd) {
  size_t length = strlen(path);
  struct parent_slot *slot = find(&unpack->parents, path, length);
  if (slot)
    close(slot->fd);
  else
    slot = oldest(&unpack->parents);
  memcpy(slot->path, path, length + 1);
  slot->length = length;
  slot->fd = fd;
  slot->used = ++unpack->parents.clock;
}

/* The new directory, open. */
static int make_directory(struct unpack *unpack, int parent, const char *name) {
  if (unpack->entries + ++unpack->implied >= unpack->max_entries)
    return -E2BIG;
  if (mkdirat(parent, name, 0755) < 0)
    return -errno;
  int fd = open_resolved(parent, name, OPEN_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
  if (fd < 0)
    return fd;
  /* A parent that hands on its group or ACL must not show in what no entry asked for. */
  int result = unpack->inherits && (fchown(fd, unpack->uid, unpack->gid) < 0 || fchmod(fd, 0755) < 0) ? -errno : 0;
  if (result == 0)
    return fd;
  close(fd);
  return result;
}

/* The layers below say what it is like. */
static int make_implied(struct unpack *unpack, int parent, const char *name) {
  int fd = make_directory(unpack, parent, name);
  if (fd < 0)
    return fd;
  int result = implied_note(unpack, fd);
  close(fd);
  return result;
}

/* Puts the target of the dangling symlink `path[0, end)` in its place: `path` becomes what is to be made instead. */
static int expand_link(int parent, char *path, size_t start, size_t end) {
  char name[NAME_MAX + 1], target[PATH_MAX], rest[PATH_MAX];
  memcpy(name, path + start, end - start);
  name[end - start] = 0;
  ssize_t length = readlinkat(parent, name, target, sizeof target);
  if (length < 0)
    return errno == EINVAL ? -ENOTDIR : -errno;
  size_t rest_length = strlen(path + end);
  memcpy(rest, path + end, rest_length + 1);
  /* An absolute target begins at the root of the tree. */
  size_t to = length > 0 && target[0] == '/' ? 0 : start;
  if (to + (size_t)length + rest_length >= PATH_MAX)
    return -ENAMETOOLONG;
  memcpy(path + to, target, (size_t)length);
  memcpy(path + to + (size_t)length, rest, rest_length + 1);
  return 0;
}

/* A whiteout of this layer in the way of something in it: a directory that hides the lower one takes its place. */
static int replace_whiteout(struct unpack *unpack, int parent, const char *name) {
  if (!is_whiteout(unpack, parent, name))
    return -ENOTDIR;
  if (unlinkat(parent, name, 0) < 0)
    return -errno;
  int fd = make_directory(unpack, parent, name);
  if (fd < 0)
    return fd;
  int result = place_opaque(unpack, fd);
  close(fd);
  return result;
}

/* Makes the component [start, end) of `path`. 1: `path` was changed, begin again. */
static int make_component(struct unpack *unpack, char *path, size_t start, size_t end) {
  char name[NAME_MAX + 1];
  if (end - start > NAME_MAX)
    return -ENAMETOOLONG;
  memcpy(name, path + start, end - start);
  name[end - start] = 0;
  char saved = path[start];
  path[start] = 0;
  int parent = open_resolved(unpack->root, start ? path : ".", OPEN_DIRECTORY, RESOLVE_IN_ROOT);
  path[start] = saved;
  if (parent < 0)
    return parent;
  int result = make_implied(unpack, parent, name);
  if (result == -EEXIST) {
    result = replace_whiteout(unpack, parent, name);
    if (result == -ENOTDIR) {
      result = expand_link(parent, path, start, end);
      result = result == 0 ? 1 : result;
    }
  }
  close(parent);
  return result;
}

static int open_prefix(struct unpack *unpack, char *path, size_t end) {
  char saved = path[end];
  path[end] = 0;
  int fd = open_resolved(unpack->root, path, OPEN_DIRECTORY, RESOLVE_IN_ROOT);
  path[end] = saved;
  return fd;
}

static int make_all(struct unpack *unpack, char *path) {
  size_t start = 0;
  for (int links = 0; path[start];) {
    if (path[start] == '/') {
      start++;
      continue;
    }
    size_t end = start + strcspn(path + start, "/");
    int fd = open_prefix(unpack, path, end);
    if (fd >= 0)
      close(fd);
    else if (fd != -ENOENT && fd != -ENOTDIR)
      return fd;
    int result = fd >= 0 ? 0 : make_component(unpack, path, start, end);
    if (result < 0)
      return result;
    if (result > 0 && ++links > MAX_LINKS)
      return -ELOOP;
    start = result > 0 ? 0 : end;
  }
  return 0;
}

int parent_open(struct unpack *unpack, const char *path, size_t length, int make) {
  if (length == 0)
    return unpack->root;
  struct parent_slot *slot = find(&unpack->parents, path, length);
  if (slot) {
    slot->used = ++unpack->parents.clock;
    return slot->fd;
  }
  char copy[PATH_MAX];
  memcpy(copy, path, length);
  copy[length] = 0;
  int fd = open_resolved(unpack->root, copy, OPEN_DIRECTORY, RESOLVE_IN_ROOT);
  if ((fd == -ENOENT || fd == -ENOTDIR) && make) {
    int result = make_all(unpack, copy);
    if (result < 0)
      return result;
    fd = open_resolved(unpack->root, copy, OPEN_DIRECTORY, RESOLVE_IN_ROOT);
  }
  if (fd < 0)
    return fd;
  memcpy(copy, path, length);
  copy[length] = 0;
  parent_keep(unpack, copy, fd);
  return fd;
}
