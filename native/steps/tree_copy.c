#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>   /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "descriptors.h"
#include "tree.h"

/* Under this name a file is copied; one that was cut off there is replaced by the next copy. */
static const char UNFINISHED[] = ".isopod-copy";
#define COPY_BYTES (1u << 30)
#define NAMES_BYTES 8192
#define ATTRIBUTE_BYTES 16384

/* What the file system of a volume may refuse to keep, as tools that copy accept. */
static int is_unsupported(int error) {
  return error == EOPNOTSUPP || error == EPERM || error == ENOSPC || error == ERANGE;
}

/* Attributes of overlayfs steer it and mean nothing elsewhere; a label of a policy is given by that policy. */
static int is_foreign(const char *name) {
  return strncmp(name, "trusted.overlay.", 16) == 0 || strcmp(name, "security.selinux") == 0;
}

static int copy_attributes(int from, int to) {
  char names[NAMES_BYTES];
  char value[ATTRIBUTE_BYTES];
  ssize_t length = flistxattr(from, names, sizeof(names));
  if (length < 0)
    return is_unsupported(errno) ? 0 : -errno;
  for (char *name = names; name < names + length; name += strlen(name) + 1) {
    if (is_foreign(name))
      continue;
    ssize_t size = fgetxattr(from, name, value, sizeof(value));
    if (size < 0 && errno != ENODATA && !is_unsupported(errno))
      return -errno;
    if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) < 0 && !is_unsupported(errno))
      return -errno;
  }
  return 0;
}

/* Owner first: chown(2) takes setuid bits and capabilities away. */
static int copy_metadata(int from, int to, const struct stat *status) {
  const struct timespec times[2] = {status->st_atim, status->st_mtim};
  if (fchown(to, status->st_uid, status->st_gid) < 0 || fchmod(to, status->st_mode & 07777) < 0)
    return -errno;
  int error = copy_attributes(from, to);
  if (error < 0)
    return error;
  return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_by_buffer(int from, int to) {
  char buffer[32768];
  for (;;) {
    ssize_t length = read(from, buffer, sizeof(buffer));
    if (length < 0 && errno == EINTR)
      continue;
    if (length <= 0)
      return length < 0 ? -errno : 0;
    for (ssize_t done = 0; done < length;) {
      ssize_t written = write(to, buffer + done, (size_t)(length - done));
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return -errno;
      done += written;
    }
  }
}

static int copy_content(int from, int to) {
  for (;;) {
    ssize_t copied = copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0);
    if (copied == 0)
      return 0;
    if (copied > 0)
      continue;
    if (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM)
      return copy_by_buffer(from, to);
    if (errno != EINTR)
      return -errno;
  }
}

static int copy_file(int from, int to, const char *name, const struct stat *status) {
  cleanup_close int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (source < 0)
    return -errno;
  if (unlinkat(to, UNFINISHED, 0) < 0 && errno != ENOENT)
    return -errno;
  cleanup_close int copy = openat(to, UNFINISHED, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (copy < 0)
    return -errno;
  int error = copy_content(source, copy);
  if (error == 0)
    error = copy_metadata(source, copy, status);
  if (error == 0 && renameat(to, UNFINISHED, to, name) < 0)
    error = -errno;
  if (error < 0)
    unlinkat(to, UNFINISHED, 0);
  return error;
}

static int copy_link(int from, int to, const char *name, const struct stat *status) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(from, name, target, sizeof(target));
  if (length < 0 || length == sizeof(target))
    return length < 0 ? -errno : -ENAMETOOLONG;
  target[length] = '\0';
  if (symlinkat(target, to, name) < 0)
    return -errno;
  return fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_node(int to, const char *name, const struct stat *status) {
  if (mknodat(to, name, status->st_mode & (S_IFMT | 07777), status->st_rdev) < 0)
    return -errno;
  if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  return fchmodat(to, name, status->st_mode & 07777, 0) < 0 ? -errno : 0;
}

static int copy_level(int from, int to, int depth);

static int copy_directory(int from, int to, const char *name, int depth) {
  cleanup_close int source = tree_enter(from, name);
  /* A mount is no part of what the image has there. */
  if (source == -EXDEV)
    return 0;
  if (source < 0)
    return source;
  if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
    return -errno;
  cleanup_close int copy = tree_enter(to, name);
  return copy < 0 ? copy : copy_level(source, copy, depth + 1);
}

static int copy_entry(int from, int to, const char *name, int depth) {
  struct stat status, there;
  if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (S_ISDIR(status.st_mode))
    return copy_directory(from, to, name, depth);
  if (fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0)
    return 0;
  if (S_ISREG(status.st_mode))
    return copy_file(from, to, name, &status);
  return S_ISLNK(status.st_mode) ? copy_link(from, to, name, &status) : copy_node(to, name, &status);
}

static int copy_level(int from, int to, int depth) {
  if (depth > TREE_LEVELS)
    return -ENAMETOOLONG;
  struct directory_names names;
  directory_names_init(&names, from);
  const char *name;
  int more;
  while ((more = directory_names_next(&names, &name)) > 0) {
    int error = copy_entry(from, to, name, depth);
    if (error < 0)
      return error;
  }
  struct stat status;
  if (more < 0)
    return more;
  if (fstat(from, &status) < 0)
    return -errno;
  return copy_metadata(from, to, &status);
}

int tree_copy(int from, int to) {
  return copy_level(from, to, 1);
}
