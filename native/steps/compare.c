#include "compare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "contents.h"
#include "descriptors.h"
#include "pending.h"

#define CONTENT_BYTES (128 * 1024)
#define NAMES_BYTES (64 * 1024)        /* XATTR_LIST_MAX */
#define VALUE_BYTES (64 * 1024)        /* XATTR_SIZE_MAX */
/* The trees are not the same; no file system answers so itself, as one that is damaged would with EUCLEAN. */
#define DIFFER (-ENOMSG)

/* Two trees, of which the left one says how the right one should be. */
struct comparison {
  struct step_context *context;
  int left, right;                     /* roots */
  struct pending pending;
  char *left_bytes, *right_bytes;      /* CONTENT_BYTES each */
};

static int differ(struct comparison *both, const char *what, const char *name) {
  char text[PATH_MAX + NAME_MAX + 32];
  const char *above = both->pending.path;
  snprintf(text, sizeof(text), "%s %s%s%s", what, above, *above ? "/" : "", name);
  step_detail(both->context, text);
  return DIFFER;
}

static int fail(struct comparison *both, int error, const char *name) {
  step_detail(both->context, name);
  return error;
}

static int open_directory(int root, const char *path) {
  struct open_how how = {
    .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
  return fd < 0 ? -errno : fd;
}

static int compare_content(struct comparison *both, int left, int right, const char *name) {
  int flags = O_RDONLY | O_NOFOLLOW | O_NOATIME | O_NONBLOCK | O_CLOEXEC;
  cleanup_close int one = openat(left, name, flags);
  cleanup_close int other = openat(right, name, flags);
  if (one < 0 || other < 0)
    return fail(both, -errno, name);
  int same = contents_are_same(one, other);
  if (same < 0)
    return fail(both, same, name);
  return same ? 0 : differ(both, "content", name);
}

static int compare_target(struct comparison *both, int left, int right, const char *name) {
  ssize_t length = readlinkat(left, name, both->left_bytes, CONTENT_BYTES);
  ssize_t found = readlinkat(right, name, both->right_bytes, CONTENT_BYTES);
  if (length < 0 || found < 0)
    return fail(both, -errno, name);
  int is_same = length == found && memcmp(both->left_bytes, both->right_bytes, (size_t)length) == 0;
  return is_same ? 0 : differ(both, "target", name);
}

/* Labels and measurements that this host gives, whatever is unpacked. */
static int is_of_host(const char *attribute) {
  return strcmp(attribute, "security.selinux") == 0 || strcmp(attribute, "security.ima") == 0 ||
         strcmp(attribute, "security.evm") == 0;
}

/* By the parent's descriptor and one name: that is the only way to the attributes of links and nodes. */
static void entry_path(char *path, int directory, const char *name) {
  snprintf(path, DESCRIPTOR_PATH_BYTES + NAME_MAX + 2, "/proc/self/fd/%d/%s", directory, name);
}

static ssize_t list_attributes(const char *path, char *names) {
  ssize_t length = llistxattr(path, names, NAMES_BYTES);
  return length < 0 && errno == EOPNOTSUPP ? 0 : length;
}

static size_t count_attributes(const char *names, ssize_t length) {
  size_t count = 0;
  for (const char *name = names; name < names + length; name += strlen(name) + 1)
    count += !is_of_host(name);
  return count;
}

static int compare_attributes(struct comparison *both, int left, int right, const char *name) {
  char one[DESCRIPTOR_PATH_BYTES + NAME_MAX + 2], other[sizeof(one)];
  char *names = both->left_bytes, *value = names + NAMES_BYTES;
  char *found_names = both->right_bytes, *found = found_names + NAMES_BYTES;
  entry_path(one, left, name);
  entry_path(other, right, name);
  ssize_t length = list_attributes(one, names), other_length = list_attributes(other, found_names);
  if (length < 0 || other_length < 0)
    return fail(both, -errno, name);
  if (count_attributes(names, length) != count_attributes(found_names, other_length))
    return differ(both, "attributes", name);
  for (const char *attribute = names; attribute < names + length; attribute += strlen(attribute) + 1) {
    if (is_of_host(attribute))
      continue;
    ssize_t size = lgetxattr(one, attribute, value, VALUE_BYTES);
    if (size < 0)
      return fail(both, -errno, name);
    if (lgetxattr(other, attribute, found, VALUE_BYTES) != size || memcmp(value, found, (size_t)size) != 0)
      return differ(both, "attributes", name);
  }
  return 0;
}

/* A directory that no entry of the archive names, and a whiteout, have the time of their unpacking. */
static int has_own_time(const struct stat *status) {
  return S_ISDIR(status->st_mode) || (S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0));
}

static int compare_status(struct comparison *both, const struct stat *left, const struct stat *right, const char *name) {
  if (left->st_mode != right->st_mode)
    return differ(both, "mode", name);
  if (left->st_uid != right->st_uid || left->st_gid != right->st_gid)
    return differ(both, "owner", name);
  if (!S_ISDIR(left->st_mode) && left->st_nlink != right->st_nlink)
    return differ(both, "names", name);
  if (S_ISREG(left->st_mode) && left->st_size != right->st_size)
    return differ(both, "size", name);
  if ((S_ISCHR(left->st_mode) || S_ISBLK(left->st_mode)) && left->st_rdev != right->st_rdev)
    return differ(both, "device", name);
  const struct timespec *one = &left->st_mtim, *other = &right->st_mtim;
  if (!has_own_time(left) && (one->tv_sec != other->tv_sec || one->tv_nsec != other->tv_nsec))
    return differ(both, "time", name);
  return 0;
}

static int compare_entry(struct comparison *both, int left, int right, const char *name) {
  struct stat one, other;
  if (fstatat(left, name, &one, AT_SYMLINK_NOFOLLOW) < 0)
    return fail(both, -errno, name);
  if (fstatat(right, name, &other, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? differ(both, "missing", name) : fail(both, -errno, name);
  int result = compare_status(both, &one, &other, name);
  if (result == 0)
    result = compare_attributes(both, left, right, name);
  if (result == 0 && S_ISREG(one.st_mode) && one.st_size > 0)
    result = compare_content(both, left, right, name);
  if (result == 0 && S_ISLNK(one.st_mode))
    result = compare_target(both, left, right, name);
  if (result < 0 || !S_ISDIR(one.st_mode) || strcmp(name, ".") == 0)
    return result;
  result = pending_push(&both->pending, name, NULL, 0);
  return result < 0 ? fail(both, result, name) : 0;
}

typedef int visit_function(struct comparison *both, int left, int right, const char *name);

static int is_known(struct comparison *both, int left, int right, const char *name) {
  struct stat status;
  (void)right;
  if (fstatat(left, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
    return 0;
  return errno == ENOENT ? differ(both, "added", name) : fail(both, -errno, name);
}

/* Calls `visit` for each name in `listed`, which is one of the two. */
static int for_each(struct comparison *both, int listed, int left, int right, visit_function *visit) {
  int copy = openat(listed, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = copy < 0 ? NULL : fdopendir(copy);
  if (!stream)
    return fail(both, -errno, both->pending.path);
  int result = 0;
  const struct dirent *entry;
  while (result == 0 && (errno = 0, entry = readdir(stream)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      result = visit(both, left, right, entry->d_name);
  }
  if (result == 0 && errno != 0)
    result = fail(both, -errno, both->pending.path);
  closedir(stream);
  return result;
}

static int compare_directory(struct comparison *both) {
  cleanup_close int left = open_directory(both->left, both->pending.path);
  cleanup_close int right = open_directory(both->right, both->pending.path);
  if (left < 0 || right < 0)
    return fail(both, left < 0 ? left : right, both->pending.path);
  int result = *both->pending.path ? 0 : compare_entry(both, left, right, ".");
  if (result == 0)
    result = for_each(both, left, left, right, compare_entry);
  if (result == 0)
    result = for_each(both, right, left, right, is_known);
  return result;
}

static int compare_all(struct comparison *both) {
  int result;
  do
    result = compare_directory(both);
  while (result == 0 && pending_pop(&both->pending, NULL, 0));
  return result;
}

int trees_compare(struct step_context *context, int model, int tree) {
  struct comparison both = {.context = context, .left = model, .right = tree};
  both.left_bytes = malloc(CONTENT_BYTES);
  both.right_bytes = malloc(CONTENT_BYTES);
  int result = both.left_bytes && both.right_bytes ? compare_all(&both) : -ENOMEM;
  free(both.left_bytes);
  free(both.right_bytes);
  pending_free(&both.pending);
  return result;
}

int step_compare_trees(struct step_context *context, const struct value *values) {
  const char *right = values[STEP_COMPARE_TREES_TREE].bytes;
  const char *left = values[STEP_COMPARE_TREES_MODEL].bytes;
  cleanup_close int model = open(left, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  step_detail(context, left);
  if (model < 0)
    return -errno;
  cleanup_close int tree = open(right, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  step_detail(context, right);
  return tree < 0 ? -errno : trees_compare(context, model, tree);
}
