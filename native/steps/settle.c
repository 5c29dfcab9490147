/* A layer is unpacked without the layers below it; here it gets from them what no archive of its own says. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../unpack/unpack.h"
#include "copied_file.h"
#include "descriptors.h"
#include "pending.h"
#include "report.h"
#include "tree.h"

/* An image has at most 127 layers. */
#define MOST_LOWER 255

static const char OPAQUE[] = "trusted.overlay.opaque";

/* A bit for each layer below. */
struct layer_set {
  unsigned char bits[MOST_LOWER / 8 + 1];
};

struct settling {
  struct step_context *context;
  int tree;
  int notes;                       /* LAYER_* */
  int lower[MOST_LOWER];           /* roots, top first */
  uint32_t lower_count;
  struct pending pending;
  struct layer_set shown;          /* the layers that show the present directory, if nothing above takes them away */
  int below[MOST_LOWER];           /* what overlayfs would merge into the present directory, top first */
  uint32_t below_layer[MOST_LOWER];
  uint32_t below_count;
  int is_changed;                  /* names in the present directory came or went */
};

static int told(struct settling *settling, int error, const char *name) {
  if (error < 0 && settling->context->detail[0] == 0)
    report_about(settling->context, error, *settling->pending.path ? settling->pending.path : ".", name);
  return error;
}

static int is_opaque(int directory) {
  char value[2];
  return fgetxattr(directory, OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

static int is_whiteout_at(int directory, const char *name) {
  struct stat status;
  return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(0, 0);
}

static void close_all(int *descriptors, uint32_t *count) {
  while (*count > 0)
    close(descriptors[--*count]);
}

/* Nothing but what the unpacker and a directory above have put there: an entry would have taken the note away. */
static int forget_attributes(int directory) {
  static const char *const names[] = {"system.posix_acl_access", "system.posix_acl_default", LAYER_NOTE};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (fremovexattr(directory, names[i]) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
      return -errno;
  }
  return 0;
}

/* `source` -1: no layer below shows one. */
static int settle_directory(int directory, int source) {
  struct stat status;
  int error = forget_attributes(directory);
  if (error < 0 || source < 0)
    return error;
  if (fstat(source, &status) < 0)
    return -errno;
  return copied_metadata((struct entry_place){source, "."}, (struct entry_place){directory, "."}, &status);
}

/* Which of them show `name` as a directory; the topmost one, open, or -1. What is no directory hides what is below. */
static int find_below(struct settling *settling, const char *name, struct layer_set *shown, int *source) {
  for (uint32_t i = 0; i < settling->below_count; i++) {
    uint32_t layer = settling->below_layer[i];
    cleanup_close int found = tree_enter(settling->below[i], name);
    if (found == -ENOTDIR || found == -ELOOP)
      return 0;
    if (found < 0 && found != -ENOENT)
      return found;
    if (found < 0)
      continue;
    shown->bits[layer / 8] |= (unsigned char)(1 << layer % 8);
    if (*source < 0)
      *source = descriptor_keep(&found);
  }
  return 0;
}

static int settle_child(struct settling *settling, int directory, const char *name) {
  struct layer_set shown = {{0}};
  cleanup_close int source = -1;
  cleanup_close int child = tree_enter(directory, name);
  int error = child < 0 ? child : find_below(settling, name, &shown, &source);
  if (error == 0 && fgetxattr(child, LAYER_NOTE, NULL, 0) >= 0)
    error = settle_directory(child, source);
  return error < 0 ? error : pending_push(&settling->pending, name, &shown, sizeof shown);
}

static int open_below(struct settling *settling) {
  const char *path = *settling->pending.path ? settling->pending.path : ".";
  for (uint32_t i = 0; i < settling->lower_count; i++) {
    if ((settling->shown.bits[i / 8] & 1 << i % 8) == 0)
      continue;
    int found = tree_enter(settling->lower[i], path);
    if (found < 0)
      return found;
    settling->below_layer[settling->below_count] = i;
    settling->below[settling->below_count++] = found;
    if (is_opaque(found))
      break;
  }
  return 0;
}

/* The kernel merges roots, whatever their attributes say: in an opaque one all that lower ones have is hidden by name. 1: a name came. */
static int hide(int root, const char *name) {
  struct stat status;
  if (mknodat(root, name, S_IFCHR, makedev(0, 0)) == 0)
    return 1;
  if (errno != EEXIST || fstatat(root, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (!S_ISDIR(status.st_mode))
    return 0;
  cleanup_close int directory = tree_enter(root, name);
  if (directory < 0)
    return directory;
  return fsetxattr(directory, OPAQUE, "y", 1, 0) < 0 ? -errno : 0;
}

static int hide_all(struct settling *settling, int root, int lower) {
  struct directory_names names;
  const char *name;
  int more;
  cleanup_close int listed = tree_enter(lower, ".");
  if (listed < 0)
    return listed;
  directory_names_init(&names, listed);
  while ((more = directory_names_next(&names, &name)) > 0) {
    int made = is_whiteout_at(listed, name) ? 0 : hide(root, name);
    if (made < 0)
      return told(settling, made, name);
    settling->is_changed |= made;
  }
  return more;
}

/* Overlayfs lists whiteouts where it has nothing to merge; the root it merges always, but for a lone layer. */
static int is_useless(const struct settling *settling, int directory, const char *name) {
  int is_merged = settling->below_count > 0 || (*settling->pending.path == 0 && settling->lower_count > 0);
  return !is_merged && is_whiteout_at(directory, name);
}

static int settle_entry(struct settling *settling, int directory, const char *name, unsigned char type) {
  struct stat status;
  if (type == DT_UNKNOWN && fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (type == DT_UNKNOWN)
    type = IFTODT(status.st_mode);
  if (type == DT_DIR)
    return settle_child(settling, directory, name);
  if (type != DT_CHR || !is_useless(settling, directory, name))
    return 0;
  settling->is_changed = 1;
  return unlinkat(directory, name, 0) < 0 ? -errno : 0;
}

static int settle_entries(struct settling *settling, int directory) {
  struct directory_names names;
  const char *name = "";
  int more, error = 0;
  directory_names_init(&names, directory);
  while (error == 0 && (more = directory_names_next(&names, &name)) != 0)
    error = more < 0 ? more : settle_entry(settling, directory, name, names.type);
  return told(settling, error, name);
}

/* What it does to a directory's content is not to show in the times. */
static int settle_present(struct settling *settling) {
  int is_root = *settling->pending.path == 0;
  struct stat status;
  cleanup_close int directory = tree_enter(settling->tree, is_root ? "." : settling->pending.path);
  if (directory < 0 || fstat(directory, &status) < 0)
    return told(settling, directory < 0 ? directory : -errno, "");
  settling->is_changed = 0;
  int error = is_opaque(directory) ? 0 : told(settling, open_below(settling), "");
  for (uint32_t i = 0; is_root && (settling->notes & LAYER_OPAQUE_ROOT) && error == 0 && i < settling->lower_count; i++)
    error = hide_all(settling, directory, settling->lower[i]);
  if (error == 0)
    error = settle_entries(settling, directory);
  const struct timespec times[2] = {status.st_atim, status.st_mtim};
  if (error == 0 && settling->is_changed && futimens(directory, times) < 0)
    error = told(settling, -errno, "");
  close_all(settling->below, &settling->below_count);
  return error;
}

static int settle_all(struct settling *settling) {
  int error;
  for (uint32_t i = 0; i < settling->lower_count; i++)
    settling->shown.bits[i / 8] |= (unsigned char)(1 << i % 8);
  do
    error = step_is_given_up(settling->context) ? -ECANCELED : settle_present(settling);
  while (error == 0 && pending_pop(&settling->pending, &settling->shown, sizeof settling->shown));
  return error;
}

static int open_lower(struct settling *settling, const struct value *lower) {
  struct string_cursor cursor = string_cursor(lower);
  if (lower->count > MOST_LOWER)
    return report_number(settling->context, -E2BIG, "layers", lower->count);
  for (uint32_t i = 0; i < lower->count; i++) {
    const char *path = string_next(&cursor);
    int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
      return report(settling->context, -errno, path);
    settling->lower[settling->lower_count++] = root;
  }
  return 0;
}

/* What the unpacker has noted of the layer as a whole; 0: all of it came from its archive. */
static int read_notes(int tree) {
  char text[sizeof(LAYER_NOTE_LETTERS)];
  int notes = 0;
  ssize_t length = fgetxattr(tree, LAYER_NOTE, text, sizeof(text));
  if (length < 0)
    return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
  for (ssize_t i = 0; i < length; i++) {
    const char *letter = memchr(LAYER_NOTE_LETTERS, text[i], sizeof(LAYER_NOTE_LETTERS) - 1);
    notes |= letter ? 1 << (letter - LAYER_NOTE_LETTERS) : 0;
  }
  return notes;
}

/* The root's note goes last: what was cut off can be done again. */
static int settle_layer(struct settling *settling) {
  int error = (settling->notes & ~LAYER_ROOT) != 0 ? settle_all(settling) : 0;
  if (error < 0)
    return error;
  if ((settling->notes & LAYER_ROOT) != 0)
    error = settle_directory(settling->tree, settling->lower_count > 0 ? settling->lower[0] : -1);
  else if (fremovexattr(settling->tree, LAYER_NOTE) < 0)
    error = -errno;
  return told(settling, error, "");
}

int step_settle_layer(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SETTLE_LAYER_TREE].bytes;
  cleanup_close int tree = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (tree < 0)
    return report(context, -errno, path);
  int notes = read_notes(tree);
  if (notes <= 0)
    return notes < 0 ? report(context, notes, path) : 0;
  struct settling *settling = calloc(1, sizeof(*settling));
  if (settling == NULL)
    return -ENOMEM;
  settling->context = context;
  settling->tree = tree;
  settling->notes = notes;
  int error = open_lower(settling, &values[STEP_SETTLE_LAYER_LOWER]);
  if (error == 0)
    error = settle_layer(settling);
  close_all(settling->lower, &settling->lower_count);
  pending_free(&settling->pending);
  free(settling);
  return error;
}
