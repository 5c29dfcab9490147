/* A tree of its own, made from layers as overlayfs would show them: for who has no overlayfs, or wants none. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>   /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../unpack/unpack.h"
#include "copied_file.h"
#include "copied_links.h"
#include "descriptors.h"
#include "report.h"
#include "tree.h"

static const char OPAQUE[] = "trusted.overlay.opaque";

struct layers_copy {
  struct step_context *context;
  int top;                         /* of the copy */
  size_t length;
  char path[PATH_MAX];             /* of the directory at work below `top`, a slash at its end; empty for the top */
  struct copied_links links;       /* of the layer at work */
};

static int told(struct layers_copy *copy, int error, const char *name) {
  return copy->context->detail[0] == '\0' ? report_about(copy->context, error, copy->path, name) : error;
}

static int is_whiteout_node(const struct stat *status) {
  return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

static int is_opaque(int directory) {
  char value[2];
  return fgetxattr(directory, OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

/* One more name of what was copied already, wherever that is in the copy. */
static int link_again(struct layers_copy *copy, const char *first, struct entry_place to) {
  return linkat(copy->top, first, to.directory, to.name, 0) < 0 ? -errno : 0;
}

static int note_name(struct layers_copy *copy, ino_t inode, const char *name) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof(path), "%s%s", copy->path, name) >= (int)sizeof(path))
    return -ENAMETOOLONG;
  return copied_links_add(&copy->links, inode, path);
}

static int make_link(struct entry_place from, struct entry_place to) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(from.directory, from.name, target, sizeof(target) - 1);
  if (length < 0)
    return -errno;
  target[length] = '\0';
  return symlinkat(target, to.directory, to.name) < 0 ? -errno : 0;
}

static int copy_other(struct layers_copy *copy, struct entry_place from, struct entry_place to, const struct stat *status) {
  const char *first = status->st_nlink > 1 ? copied_links_find(&copy->links, status->st_ino) : NULL;
  if (first != NULL)
    return link_again(copy, first, to);
  int error = 0;
  if (S_ISREG(status->st_mode))
    error = copied_content(from, to, status->st_size);
  else if (S_ISLNK(status->st_mode))
    error = make_link(from, to);
  else if (mknodat(to.directory, to.name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) < 0)
    error = -errno;
  if (error == 0)
    error = copied_metadata(from, to, status);
  return error == 0 && status->st_nlink > 1 ? note_name(copy, status->st_ino, from.name) : error;
}

static int empty_directory(int directory) {
  struct directory_names names;
  const char *name;
  int more;
  directory_names_init(&names, directory);
  while ((more = directory_names_next(&names, &name)) > 0) {
    int error = remove_tree(directory, name, NULL);
    if (error < 0)
      return error;
  }
  return more < 0 ? more : lseek(directory, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int merge(struct layers_copy *copy, int from, int to, int depth);

/* A directory that is in lower layers too has what they have in it, but for one that is opaque. */
static int merge_directory(struct layers_copy *copy, struct entry_place from, struct entry_place to, int depth) {
  struct stat there;
  cleanup_close int source = tree_enter(from.directory, from.name);
  if (source < 0)
    return source;
  int is_there = fstatat(to.directory, to.name, &there, AT_SYMLINK_NOFOLLOW) == 0;
  int error = is_there && (!S_ISDIR(there.st_mode) || is_opaque(source)) ? remove_tree(to.directory, to.name, NULL) : 0;
  if (error < 0)
    return error;
  if (mkdirat(to.directory, to.name, 0700) < 0 && errno != EEXIST)
    return -errno;
  cleanup_close int target = tree_enter(to.directory, to.name);
  size_t length = copy->length, more = strlen(from.name) + 1;
  if (target < 0)
    return target;
  if (length + more >= sizeof(copy->path))
    return -ENAMETOOLONG;
  snprintf(copy->path + length, sizeof(copy->path) - length, "%s/", from.name);
  copy->length += more;
  error = merge(copy, source, target, depth + 1);
  copy->length = length;
  copy->path[length] = '\0';
  return error;
}

static int copy_entry(struct layers_copy *copy, struct entry_place from, struct entry_place to, int depth) {
  struct stat status;
  if (fstatat(from.directory, from.name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (S_ISDIR(status.st_mode))
    return merge_directory(copy, from, to, depth);
  int error = remove_tree(to.directory, to.name, NULL);
  return error < 0 || is_whiteout_node(&status) ? error : copy_other(copy, from, to, &status);
}

/* Last of all the directory itself: what is made in it changes its times, and would inherit its attributes. */
static int merge(struct layers_copy *copy, int from, int to, int depth) {
  struct directory_names names;
  struct stat status;
  const char *name;
  int more;
  if (depth > TREE_LEVELS)
    return -ENAMETOOLONG;
  int error = copied_attributes_clear(to);
  directory_names_init(&names, from);
  while (error == 0 && (more = directory_names_next(&names, &name)) != 0) {
    error = more < 0 ? more : step_is_given_up(copy->context) ? -ECANCELED : 0;
    if (error == 0)
      error = copy_entry(copy, (struct entry_place){from, name}, (struct entry_place){to, name}, depth);
    if (error < 0)
      return told(copy, error, more < 0 ? "" : name);
  }
  if (error == 0 && fstat(from, &status) < 0)
    error = -errno;
  return error < 0 ? error : copied_metadata((struct entry_place){from, "."}, (struct entry_place){to, "."}, &status);
}

static int copy_layer(struct layers_copy *copy, const char *layer) {
  cleanup_close int from = open(layer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  cleanup_close int to = openat(copy->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0 || to < 0)
    return report(copy->context, -errno, layer);
  int error = is_opaque(from) ? empty_directory(to) : 0;
  if (error == 0)
    error = merge(copy, from, to, 1);
  copied_links_clear(&copy->links);
  return error < 0 ? told(copy, error, layer) : 0;
}

int step_copy_layers(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_COPY_LAYERS_PATH].bytes;
  const struct value *lower = &values[STEP_COPY_LAYERS_LOWER];
  cleanup_close int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (top < 0)
    return report(context, -errno, path);
  struct layers_copy *copy = calloc(1, sizeof(*copy));
  const char **layers = calloc(lower->count + 1, sizeof(*layers));
  int error = copy == NULL || layers == NULL ? -ENOMEM : tree_is_empty(top) == 1 ? 0 : report(context, -ENOTEMPTY, path);
  struct string_cursor cursor = string_cursor(lower);
  for (uint32_t i = 0; error == 0 && i < lower->count; i++)
    layers[i] = string_next(&cursor);
  for (uint32_t i = lower->count; error == 0 && i > 0; i--) {
    copy->context = context;
    copy->top = top;
    error = copy_layer(copy, layers[i - 1]);
  }
  free(layers);
  free(copy);
  return error;
}
