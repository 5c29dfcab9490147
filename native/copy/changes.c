/*
 * What a container has written. A tree that is whole, a copy of all that its layers show, is compared with them, name by name.
 * Else it is as the upper directory of an overlay has it (Documentation/filesystems/overlayfs.rst): a
 * file there is one that was made or changed, a character device 0:0 one that is gone, and a directory marked opaque hides
 * all that is below it. A directory also lies there because something in it was changed, or because the engine made a
 * place to mount on in it: it counts when it differs itself, and else when something in it counts.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../steps/descriptors.h"
#include "../steps/tree.h"

/* OCI image specification, layer.md, "Whiteouts". */
#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

/* A directory that we are in. */
struct level {
  struct level *above;
  int found;
  const struct stat *status;
  size_t name_length;
  char kind;
  int waits;                       /* nothing was told of it yet */
};

struct walk {
  struct pack *pack;
  const struct changed *changed;
  struct level *level;
};

/* What the layers have under a name. */
struct former {
  int found;                       /* -1: nothing */
  struct stat status;
};

static int former_open(int below, const char *name, struct former *former) {
  former->found = -1;
  if (below < 0)
    return 0;
  int found = openat(below, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (found < 0)
    return errno == ENOENT ? 0 : -errno;
  int result = fstat(found, &former->status) < 0 ? -errno : 0;
  /* A single layer is shown as it lies on disk. */
  if (result < 0 || note_is_hole(&former->status)) {
    close(found);
    return result;
  }
  former->found = found;
  return 0;
}

/* Whether a path of those that are none of it is this one, or below it. */
static void find_without(const struct walk *walk, int *is_it, int *is_above) {
  const struct pack *pack = walk->pack;
  struct string_cursor cursor = string_cursor(walk->changed->without);
  const char *path;
  *is_it = *is_above = 0;
  while ((path = string_next(&cursor)) != NULL) {
    if (strncmp(path, pack->name, pack->name_length) != 0)
      continue;
    *is_it |= path[pack->name_length] == 0;
    *is_above |= path[pack->name_length] == '/';
  }
}

static int tell(struct pack *pack, char kind) {
  const char head[] = {kind, ' ', '/'};
  int result = sink_put(&pack->sink, head, sizeof(head));
  pack->entries++;
  return result < 0 ? result : sink_put(&pack->sink, pack->name, pack->name_length + 1);
}

static int give(const struct walk *walk, int found, const struct stat *status, char kind) {
  return walk->changed->lists ? tell(walk->pack, kind) : pack_node(walk->pack, found, status);
}

/* Tells of the directories that something is in which is told next, the outermost first. */
static int give_levels(const struct walk *walk, struct level *level) {
  struct pack *pack = walk->pack;
  char rest[2];
  if (level == NULL || !level->waits)
    return 0;
  int result = give_levels(walk, level->above);
  if (result < 0)
    return result;
  size_t length = pack->name_length;
  /* As much of a longer name as a directory's slash takes the place of. */
  memcpy(rest, pack->name + level->name_length, sizeof(rest));
  name_leave(pack, level->name_length);
  result = give(walk, level->found, level->status, level->kind);
  memcpy(pack->name + level->name_length, rest, sizeof(rest));
  pack->name_length = length;
  level->waits = 0;
  return result;
}

static int give_inner(const struct walk *walk, int found, const struct stat *status, char kind) {
  int result = give_levels(walk, walk->level);
  return result < 0 ? result : give(walk, found, status, kind);
}

/* An entry of a layer that says that something is not there; it has no owner and no time. */
static int give_whiteout(const struct walk *walk, const char *prefix, const char *name) {
  static const struct stat nothing = {.st_mode = S_IFREG};
  struct pack *pack = walk->pack;
  char whiteout[sizeof(WHITEOUT_OPAQUE) + NAME_MAX];
  stpcpy(stpcpy(whiteout, prefix), name);
  ssize_t before = name_enter(pack, whiteout);
  if (before < 0)
    return (int)before;
  int result = pack_plain(pack, &nothing, '0', "");
  name_leave(pack, (size_t)before);
  return result;
}

/* The present name is the directory's. */
static int give_gone(const struct walk *walk, const char *name) {
  struct pack *pack = walk->pack;
  int result = give_levels(walk, walk->level);
  if (result < 0)
    return result;
  if (!walk->changed->lists)
    return give_whiteout(walk, WHITEOUT_PREFIX, name);
  ssize_t before = name_enter(pack, name);
  if (before < 0)
    return (int)before;
  result = tell(pack, 'D');
  name_leave(pack, (size_t)before);
  return result;
}

/* What a directory that hides what is below it, or is whole, has not itself. */
static int give_hidden(const struct walk *walk, int found, int below) {
  struct directory_names names;
  const char *name;
  struct stat status;
  int result;
  cleanup_close int former = pack_reopen(walk->pack, below, O_RDONLY | O_DIRECTORY);
  if (former < 0)
    return former;
  directory_names_init(&names, former);
  while ((result = directory_names_next(&names, &name)) > 0) {
    int is_it, is_above;
    ssize_t before = name_enter(walk->pack, name);
    if (before < 0)
      return (int)before;
    find_without(walk, &is_it, &is_above);
    name_leave(walk->pack, (size_t)before);
    if (is_it || fstatat(found, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
      continue;
    int error = errno;
    /* A single layer is shown as it lies on disk. */
    int is_there = fstatat(below, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !note_is_hole(&status);
    result = error != ENOENT ? -error : is_there ? give_gone(walk, name) : 0;
    if (result < 0)
      return result;
  }
  return result;
}

/* Whether a directory is only there for what is in it. */
static int waits(const struct walk *walk, int directory, const struct stat *status, const struct former *former) {
  int is_it, is_above;
  const struct stat *old = &former->status;
  find_without(walk, &is_it, &is_above);
  if (former->found < 0)
    return is_above;
  if (!S_ISDIR(old->st_mode) || status->st_mode != old->st_mode || status->st_uid != old->st_uid ||
      status->st_gid != old->st_gid || (!is_above && !is_same_time(&status->st_mtim, &old->st_mtim)))
    return 0;
  cleanup_close int below = pack_reopen(walk->pack, former->found, O_RDONLY | O_DIRECTORY);
  return below < 0 ? below : note_has_same_attributes(walk->pack, directory, below);
}

static int walk_directory(struct walk *walk, int found, int below, int depth);

/* What overlayfs has noted of a directory, and whether it has to wait. */
static int look_into(const struct walk *walk, const struct level *level, const struct former *former, int *opaque) {
  cleanup_close int directory = pack_reopen(walk->pack, level->found, O_RDONLY | O_DIRECTORY);
  if (directory < 0)
    return directory;
  int elsewhere = note_is_elsewhere(directory);
  if (elsewhere != 0)
    return elsewhere < 0 ? elsewhere : -EXDEV;
  *opaque = note_is_opaque(directory);
  if (*opaque < 0)
    return *opaque;
  int hides = *opaque && former->found >= 0;
  return hides ? 0 : waits(walk, directory, level->status, former);
}

static int give_directory(struct walk *walk, int found, const struct stat *status, const struct former *former, int depth) {
  struct level level = {walk->level, found, status, walk->pack->name_length, former->found >= 0 ? 'C' : 'A', 1};
  int below = former->found >= 0 && S_ISDIR(former->status.st_mode) ? former->found : -1;
  int lists = walk->changed->lists, opaque = 0;
  int can_wait = look_into(walk, &level, former, &opaque);
  if (can_wait < 0)
    return can_wait;
  int hides = opaque && below >= 0;
  int result = can_wait ? 0 : give_levels(walk, &level);
  walk->level = &level;
  if (result == 0 && hides)
    result = lists ? give_hidden(walk, found, below) : give_whiteout(walk, WHITEOUT_OPAQUE, "");
  if (result == 0)
    result = walk_directory(walk, found, hides && !lists ? -1 : below, depth + 1);
  walk->level = level.above;
  return result;
}

/* A file that has no data, though a size: they may be in a layer still. */
static int check_content(const struct pack *pack, int found, const struct stat *status) {
  if (status->st_blocks != 0 || status->st_size == 0)
    return 0;
  cleanup_close int file = pack_reopen(pack, found, O_RDONLY);
  int elsewhere = file < 0 ? file : note_is_elsewhere(file);
  return elsewhere > 0 ? -EXDEV : elsewhere;
}

static int give_child(struct walk *walk, int found, const struct stat *status, const struct former *former, int depth) {
  if (S_ISDIR(status->st_mode))
    return give_directory(walk, found, status, former, depth);
  /* An archive has no such thing, and it means nothing without who listens. */
  if (S_ISSOCK(status->st_mode))
    return 0;
  int result = S_ISREG(status->st_mode) ? check_content(walk->pack, found, status) : 0;
  if (result == 0 && former->found >= 0 && (walk->changed->whole || walk->pack->owners != NULL)) {
    int same = is_same_node(walk->pack, found, status, former->found, &former->status);
    if (same != 0)
      return same < 0 ? same : 0;
  }
  return result < 0 ? result : give_inner(walk, found, status, former->found >= 0 ? 'C' : 'A');
}

static int walk_child(struct walk *walk, int directory, int below, const char *name, int depth) {
  struct pack *pack = walk->pack;
  struct stat status;
  struct former former;
  int is_it, is_above;
  ssize_t before = name_enter(pack, name);
  if (before < 0)
    return (int)before;
  find_without(walk, &is_it, &is_above);
  cleanup_close int found = is_it ? -1 : openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (found < 0 && (is_it || errno == ENOENT)) {
    name_leave(pack, (size_t)before);
    return 0;
  }
  int result = found < 0 || fstat(found, &status) < 0 ? -errno : former_open(below, name, &former);
  if (result < 0)
    return result;
  pack_owner(pack, &status);
  if (!walk->changed->whole && note_is_hole(&status)) {
    name_leave(pack, (size_t)before);
    result = former.found >= 0 ? give_gone(walk, name) : 0;
  } else {
    result = give_child(walk, found, &status, &former, depth);
    /* The name of what failed stays, for who tells it. */
    if (result == 0)
      name_leave(pack, (size_t)before);
  }
  if (former.found >= 0)
    close(former.found);
  return result;
}

static int walk_directory(struct walk *walk, int found, int below, int depth) {
  struct directory_names names;
  const char *name;
  int result;
  if (depth == MAX_LEVELS)
    return -ELOOP;
  cleanup_close int directory = pack_reopen(walk->pack, found, O_RDONLY | O_DIRECTORY);
  if (directory < 0)
    return directory;
  directory_names_init(&names, directory);
  while ((result = directory_names_next(&names, &name)) > 0) {
    result = walk_child(walk, directory, below, name, depth);
    if (result < 0)
      return result;
  }
  return result < 0 || !walk->changed->whole || below < 0 ? result : give_hidden(walk, found, below);
}

int changes_pack(struct pack *pack, const struct changed *changed) {
  struct walk walk = {.pack = pack, .changed = changed};
  int result = walk_directory(&walk, changed->upper, changed->below, 0);
  if (result < 0)
    return result;
  return changed->lists ? sink_flush(&pack->sink) : pack_finish(pack);
}
