#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../file_access.h"
#include "../helper.h"

/* Directories open at once. A deeper one is moved up into the first level and met again there, so depth has no bound. */
#define LEVELS 48
#define LIST_BYTES 8192
/* A directory that is still not empty after so many passes is being filled by somebody. */
#define MAX_PASSES 64

struct level {
  int fd;
  int passes;
  size_t at;
  size_t end;
  char name[NAME_MAX + 1];         /* in the level above */
  _Alignas(8) char list[LIST_BYTES];
};

struct removal {
  int directory;
  int depth;                       /* levels in use */
  unsigned moved;
  unsigned moved_before;           /* until the last pass over the first level */
  char *culprit;
  struct level levels[LEVELS];
};

static int parent_of(const struct removal *removal, int depth) {
  return depth == 0 ? removal->directory : removal->levels[depth - 1].fd;
}

static int refuse(struct removal *removal, const char *name, int error) {
  if (removal->culprit && !*removal->culprit)
    text_cut(removal->culprit, DETAIL_BYTES, name);
  return error;
}

/* One component, no link, no mount: what is opened is in the directory that we hold, whatever is renamed meanwhile. */
static int enter(struct removal *removal, const char *name) {
  uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  int fd = open_resolved(parent_of(removal, removal->depth), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, resolve);
  if (fd < 0)
    return fd;
  struct level *level = &removal->levels[removal->depth++];
  level->fd = fd;
  level->passes = 0;
  level->at = level->end = 0;
  text_cut(level->name, sizeof level->name, name);
  return 0;
}

static void append_decimal(char *to, unsigned number) {
  to += strlen(to);
  for (unsigned scale = 1000000000; scale > 0; scale /= 10)
    *to++ = (char)('0' + number / scale % 10);
  *to = 0;
}

/* Moves a directory that is too deep into the first one; an accidental name there is passed over. */
static int move_up(struct removal *removal, const char *name) {
  int from = removal->levels[removal->depth - 1].fd;
  for (int tries = 0; tries < MAX_PASSES; tries++) {
    char to[32] = ".moved-";
    append_decimal(to, removal->moved++);
    if (syscall(SYS_renameat2, from, name, removal->levels[0].fd, to, 1 /* RENAME_NOREPLACE */) == 0)
      return 0;
    if (errno != EEXIST)
      return errno == ENOENT ? 0 : -errno;
  }
  return -EEXIST;
}

static int descend(struct removal *removal, const char *name) {
  /* Most directories of a tree that was emptied before, or was never filled. */
  if (unlinkat(removal->levels[removal->depth - 1].fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
    return 0;
  int result = removal->depth == LEVELS ? move_up(removal, name) : enter(removal, name);
  /* Replaced or removed meanwhile: the next pass looks again. */
  return result == -ENOENT || result == -ENOTDIR || result == -ELOOP ? 0 : result;
}

static int remove_listed(struct removal *removal, const struct listed *listed) {
  struct level *level = &removal->levels[removal->depth - 1];
  if (strcmp(listed->name, ".") == 0 || strcmp(listed->name, "..") == 0)
    return 0;
  int result = 0;
  if (listed->type == 4 /* DT_DIR */)
    result = descend(removal, listed->name);
  else if (unlinkat(level->fd, listed->name, 0) < 0 && errno != ENOENT)
    result = errno == EISDIR ? descend(removal, listed->name) : -errno;
  return result < 0 ? refuse(removal, listed->name, result) : 0;
}

/* Removes the directory of the last level, which a whole pass has found empty or has emptied; else another pass. */
static int leave(struct removal *removal) {
  struct level *level = &removal->levels[removal->depth - 1];
  if (unlinkat(parent_of(removal, removal->depth - 1), level->name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
    close(level->fd);
    removal->depth--;
    return 0;
  }
  if (errno != ENOTEMPTY && errno != EEXIST)
    return refuse(removal, level->name, -errno);
  /* The first level is filled by ourselves with what was too deep: such a pass does not count. */
  int ours = removal->depth == 1 && removal->moved != removal->moved_before;
  removal->moved_before = removal->depth == 1 ? removal->moved : removal->moved_before;
  if (!ours && ++level->passes > MAX_PASSES)
    return refuse(removal, level->name, -ENOTEMPTY);
  return lseek(level->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* The next name of the last level, or the end of its pass. */
static int advance(struct removal *removal) {
  struct level *level = &removal->levels[removal->depth - 1];
  if (level->at == level->end) {
    ssize_t count = syscall(SYS_getdents64, level->fd, level->list, LIST_BYTES);
    /* ENOENT: somebody else has removed it. */
    if (count < 0 && errno != ENOENT)
      return refuse(removal, level->name, -errno);
    if (count <= 0)
      return leave(removal);
    level->at = 0;
    level->end = (size_t)count;
  }
  const struct listed *listed = (const struct listed *)(const void *)(level->list + level->at);
  level->at += listed->length;
  return remove_listed(removal, listed);
}

static int remove_directory(int directory, const char *name, char *culprit) {
  /* Kept: as memory of its own it would be mapped, faulted in and unmapped for each tree, which costs more than the tree. */
  static struct removal state;
  struct removal *removal = &state;
  removal->directory = directory;
  removal->depth = 0;
  removal->moved = removal->moved_before = 0;
  removal->culprit = culprit;
  int result = enter(removal, name);
  if (result < 0)
    result = refuse(removal, name, result);
  while (result == 0 && removal->depth > 0)
    result = advance(removal);
  while (removal->depth > 0)
    close(removal->levels[--removal->depth].fd);
  return result;
}

int remove_tree(int directory, const char *name, char *culprit) {
  if (culprit)
    *culprit = 0;
  if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
    return 0;
  if (errno != EISDIR)
    return -errno;
  if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
    return 0;
  return remove_directory(directory, name, culprit);
}

/*
 * `remove-tree`. EXDEV: a mount is in the way; ENOTEMPTY: somebody keeps filling it; the detail names what refused.
 * `name` is one component, so nothing outside `directory` can be meant.
 */
int step_remove_tree(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_REMOVE_TREE_DIRECTORY].bytes;
  const char *name = values[STEP_REMOVE_TREE_NAME].bytes;
  char culprit[DETAIL_BYTES] = "";
  step_detail(context, name);
  if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return -EINVAL;
  int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return errno == ENOENT ? 0 : -errno;
  int result = remove_tree(directory, name, culprit);
  close(directory);
  if (result < 0 && *culprit)
    step_detail(context, culprit);
  return result;
}
