/* Steps that furnish a file system of ours before it is attached. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "descriptors.h"
#include "paths.h"
#include "report.h"

/* The directory below a slot that `path` is in; `name` receives its last part. */
static int open_parent(struct step_context *context, uint64_t slot, const char *path, char *name) {
  int top = slot_get(context, slot);
  if (top < 0)
    return top;
  int directory = path_parent(top, path, name);
  return directory < 0 ? report(context, directory, path) : directory;
}

int step_make_node(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_NODE_PATH].bytes;
  char name[NAME_MAX + 1];
  cleanup_close int directory = open_parent(context, values[STEP_MAKE_NODE_SLOT].number, path, name);
  if (directory < 0)
    return directory;
  dev_t device = makedev((unsigned)values[STEP_MAKE_NODE_MAJOR].number, (unsigned)values[STEP_MAKE_NODE_MINOR].number);
  mode_t mask = umask(0);
  int result = mknodat(directory, name, (mode_t)values[STEP_MAKE_NODE_MODE].number, device);
  int error = result < 0 ? -errno : 0;
  umask(mask);
  return error < 0 ? report(context, error, path) : 0;
}

int step_make_symlink(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_SYMLINK_PATH].bytes;
  char name[NAME_MAX + 1];
  cleanup_close int directory = open_parent(context, values[STEP_MAKE_SYMLINK_SLOT].number, path, name);
  if (directory < 0)
    return directory;
  if (symlinkat(values[STEP_MAKE_SYMLINK_TARGET].bytes, directory, name) < 0)
    return report(context, -errno, path);
  return 0;
}

int step_make_directory_in(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_DIRECTORY_IN_PATH].bytes;
  char name[NAME_MAX + 1];
  cleanup_close int directory = open_parent(context, values[STEP_MAKE_DIRECTORY_IN_SLOT].number, path, name);
  if (directory < 0)
    return directory;
  mode_t mask = umask(0);
  int result = mkdirat(directory, name, (mode_t)values[STEP_MAKE_DIRECTORY_IN_MODE].number & 07777);
  int error = result < 0 ? -errno : 0;
  umask(mask);
  return error < 0 ? report(context, error, path) : 0;
}
