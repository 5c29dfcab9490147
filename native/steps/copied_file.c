#include "copied_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>   /* snprintf */
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../file_access.h"
#include "../unpack/unpack.h"
#include "descriptors.h"

#define BUFFER_BYTES (128 << 10)
/* Bounds of the kernel (linux/limits.h). */
#define LIST_BYTES 65536
#define VALUE_BYTES 65536
#define PLACE_BYTES (DESCRIPTOR_PATH_BYTES + 257)

/* Only one file is copied at a time. */
static char buffer[BUFFER_BYTES];

static int copy_range(int from, int to, off_t at, off_t end) {
  if (lseek(from, at, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
    return -errno;
  while (at < end) {
    size_t wanted = end - at < BUFFER_BYTES ? (size_t)(end - at) : BUFFER_BYTES;
    ssize_t length = read(from, buffer, wanted);
    if (length < 0 && errno == EINTR)
      continue;
    if (length <= 0)
      return length < 0 ? -errno : 0;
    int error = write_all(to, buffer, (size_t)length);
    if (error < 0)
      return error;
    at += length;
  }
  return 0;
}

static int copy_data(int from, int to, off_t size) {
  for (off_t at = 0; at < size;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      break;
    /* A file system that tells no holes has none. */
    off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
    int error = copy_range(from, to, data < 0 ? at : data, hole < 0 ? size : hole);
    if (error < 0)
      return error;
    at = hole < 0 ? size : hole;
  }
  return ftruncate(to, size) < 0 ? -errno : 0;
}

int copied_content(struct entry_place from, struct entry_place to, off_t size) {
  cleanup_close int source = openat(from.directory, from.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (source < 0)
    return -errno;
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  cleanup_close int copy = openat(to.directory, to.name, flags, 0600);
  return copy < 0 ? -errno : copy_data(source, copy, size);
}

/* Attributes of links and nodes are reached by path alone. */
static void path_of(struct entry_place place, char *path) {
  char directory[DESCRIPTOR_PATH_BYTES];
  descriptor_path(place.directory, directory);
  snprintf(path, PLACE_BYTES, "%s/%s", directory, place.name);
}

/* What steers overlayfs, and what we note in layers: neither is of the file. */
static int is_of_layer(const char *name) {
  return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, LAYER_NOTE_PREFIX, strlen(LAYER_NOTE_PREFIX)) == 0;
}

static int copy_attributes(const char *from, const char *to) {
  static char names[LIST_BYTES], value[VALUE_BYTES];
  ssize_t length = llistxattr(from, names, sizeof(names));
  if (length < 0)
    return errno == EOPNOTSUPP ? 0 : -errno;
  for (char *name = names; name < names + length; name += strlen(name) + 1) {
    if (is_of_layer(name))
      continue;
    ssize_t size = lgetxattr(from, name, value, sizeof(value));
    if (size < 0 || lsetxattr(to, name, value, (size_t)size, 0) < 0)
      return -errno;
  }
  return 0;
}

int copied_metadata(struct entry_place from, struct entry_place to, const struct stat *status) {
  const struct timespec times[2] = {status->st_atim, status->st_mtim};
  char source[PLACE_BYTES], copy[PLACE_BYTES];
  path_of(from, source);
  path_of(to, copy);
  /* Owner first: chown(2) takes set-id bits and capabilities away; attributes last, for a mode changes an access list. */
  if (fchownat(to.directory, to.name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (!S_ISLNK(status->st_mode) && fchmodat(to.directory, to.name, status->st_mode & 07777, 0) < 0)
    return -errno;
  int error = copy_attributes(source, copy);
  if (error < 0)
    return error;
  return utimensat(to.directory, to.name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int copied_attributes_clear(int directory) {
  static char names[LIST_BYTES];
  ssize_t length = flistxattr(directory, names, sizeof(names));
  if (length < 0)
    return errno == EOPNOTSUPP ? 0 : -errno;
  for (char *name = names; name < names + length; name += strlen(name) + 1) {
    if (fremovexattr(directory, name) < 0 && errno != ENODATA && strcmp(name, "security.selinux") != 0)
      return -errno;
  }
  return 0;
}
