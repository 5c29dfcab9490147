/* What overlayfs notes in an upper directory (Documentation/filesystems/overlayfs.rst). */
#include "copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

int note_is_hole(const struct stat *status) {
  return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

/* An `x` is of whoever lays layers for overlayfs by hand, and not of a directory that takes the place of another. */
int note_is_opaque(int directory) {
  char value;
  ssize_t length = fgetxattr(directory, "trusted.overlay.opaque", &value, sizeof(value));
  if (length < 0)
    return errno == ENODATA || errno == EOPNOTSUPP || errno == ERANGE ? 0 : -errno;
  return length == 1 && value == 'y';
}

static int has(int file, const char *attribute) {
  if (fgetxattr(file, attribute, NULL, 0) >= 0)
    return 1;
  return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
}

int note_is_elsewhere(int file) {
  int redirected = has(file, "trusted.overlay.redirect");
  return redirected != 0 ? redirected : has(file, "trusted.overlay.metacopy");
}

int note_has_same_attributes(const struct pack *pack, int now, int before) {
  struct records_out one = {0}, other = {0};
  int result = pack_attributes(pack, &one, now);
  if (result == 0)
    result = pack_attributes(pack, &other, before);
  if (result == 0)
    result = one.length == other.length && (one.length == 0 || memcmp(one.bytes, other.bytes, one.length) == 0);
  free(one.bytes);
  free(other.bytes);
  return result;
}
