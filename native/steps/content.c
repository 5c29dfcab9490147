/* Steps that furnish a file system of ours before it is attached. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "descriptors.h"
#include "paths.h"
#include "report.h"

/* As the kernel packs them: 12 and 20 bits. */
#define LARGEST_MAJOR 0xfff
#define LARGEST_MINOR 0xfffff

/* The directory below a slot that a path is in, and the last part of that path. */
struct place {
  int directory;                   /* the slot's own, or `opened` */
  int opened;                      /* -1 when nothing had to be opened */
  char name[NAME_MAX + 1];
};

static void place_close(struct place *place) {
  descriptor_close(&place->opened);
}
#define cleanup_place __attribute__((cleanup(place_close)))

/* Most paths are a single name, for which the slot itself is the directory. */
static int find_place(struct step_context *context, uint64_t slot, const char *path, struct place *place) {
  int top = slot_get(context, slot);
  if (top < 0)
    return top;
  int error = path_name(path, place->name);
  if (error == 0 && strchr(path, '/') != NULL)
    error = place->opened = path_parent(top, path);
  place->directory = place->opened >= 0 ? place->opened : top;
  return error < 0 ? report(context, error, path) : 0;
}

int step_make_node(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_NODE_PATH].bytes;
  int error = check_at_most(context, "mode", values[STEP_MAKE_NODE_MODE].number, S_IFMT | 07777);
  if (error == 0)
    error = check_at_most(context, "major number", values[STEP_MAKE_NODE_MAJOR].number, LARGEST_MAJOR);
  if (error == 0)
    error = check_at_most(context, "minor number", values[STEP_MAKE_NODE_MINOR].number, LARGEST_MINOR);
  if (error < 0)
    return error;
  cleanup_place struct place place = {.opened = -1};
  error = find_place(context, values[STEP_MAKE_NODE_SLOT].number, path, &place);
  if (error < 0)
    return error;
  dev_t device = makedev((unsigned)values[STEP_MAKE_NODE_MAJOR].number, (unsigned)values[STEP_MAKE_NODE_MINOR].number);
  mode_t mask = umask(0);
  error = mknodat(place.directory, place.name, (mode_t)values[STEP_MAKE_NODE_MODE].number, device) < 0 ? -errno : 0;
  umask(mask);
  return error < 0 ? report(context, error, path) : 0;
}

int step_own_node(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_OWN_NODE_PATH].bytes;
  uint64_t uid = values[STEP_OWN_NODE_UID].number, gid = values[STEP_OWN_NODE_GID].number;
  int error = check_at_most(context, "uid", uid, UINT32_MAX - 1);
  if (error == 0)
    error = check_at_most(context, "gid", gid, UINT32_MAX - 1);
  if (error < 0)
    return error;
  cleanup_place struct place place = {.opened = -1};
  error = find_place(context, values[STEP_OWN_NODE_SLOT].number, path, &place);
  if (error < 0)
    return error;
  if (fchownat(place.directory, place.name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0)
    return report(context, -errno, path);
  return 0;
}

int step_make_symlink(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_SYMLINK_PATH].bytes;
  cleanup_place struct place place = {.opened = -1};
  int error = find_place(context, values[STEP_MAKE_SYMLINK_SLOT].number, path, &place);
  if (error < 0)
    return error;
  if (symlinkat(values[STEP_MAKE_SYMLINK_TARGET].bytes, place.directory, place.name) < 0)
    return report(context, -errno, path);
  return 0;
}

int step_make_directory_in(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_DIRECTORY_IN_PATH].bytes;
  uint64_t mode = values[STEP_MAKE_DIRECTORY_IN_MODE].number;
  int error = check_at_most(context, "mode", mode, 01777);
  if (error < 0)
    return error;
  cleanup_place struct place place = {.opened = -1};
  error = find_place(context, values[STEP_MAKE_DIRECTORY_IN_SLOT].number, path, &place);
  if (error < 0)
    return error;
  mode_t mask = umask(0);
  error = mkdirat(place.directory, place.name, (mode_t)mode) < 0 ? -errno : 0;
  umask(mask);
  return error < 0 ? report(context, error, path) : 0;
}
