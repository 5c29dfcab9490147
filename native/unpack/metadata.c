#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../gen/wire.h"

static void put_decimal(char *to, unsigned number) {
  char digits[12];
  size_t count = 0;
  do
    digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0)
    *to++ = digits[--count];
  *to = 0;
}

/* A node or symlink cannot be opened for this; its parent can, and the last component is not followed. */
static int set_xattr(const struct made *made, const char *name, const struct pax_record *record) {
  if (made->fd >= 0)
    return fsetxattr(made->fd, name, record->value, record->value_length, 0) < 0 ? -errno : 0;
  char path[32 + NAME_MAX + 1] = "/proc/self/fd/";
  put_decimal(path + strlen(path), (unsigned)made->parent);
  strcat(path, "/");
  strncat(path, made->name, NAME_MAX);
  return lsetxattr(path, name, record->value, record->value_length, 0) < 0 ? -errno : 0;
}

/*
 * trusted.overlay.*, with which an archive would tell overlayfs where to look for other layers' files, and the notes that
 * we make in layers ourselves.
 */
static int is_refused(const char *name) {
  return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, LAYER_NOTE_PREFIX, strlen(LAYER_NOTE_PREFIX)) == 0;
}

/* Left out: security.selinux, which is a label in the policy of the host that built the image and none in ours. */
static int apply_xattr(struct unpack *unpack, const struct made *made, const struct pax_record *record) {
  char name[XATTR_NAME_MAX + 1];
  int result = pax_xattr_name(record, name);
  if (result <= 0)
    return result;
  if (strcmp(name, "security.selinux") == 0)
    return 0;
  /* Of a copy that changes the owner: what a file may is not handed on, and the rest of them is neither. */
  if (unpack->merges && unpack->owners != OWNERS_ARCHIVE)
    return 0;
  /* The path that a node's attributes are set by is one of the host, and a copy is made where others lay paths. */
  if (is_refused(name) || (unpack->merges && made->fd < 0))
    result = -EPERM;
  else
    result = set_xattr(made, name, record);
  if (result < 0)
    text_cut(unpack->about, sizeof unpack->about, name);
  if (strcmp(name, "system.posix_acl_default") == 0)
    unpack->inherits = 1;
  return result;
}

static int apply_xattrs(struct unpack *unpack, const struct records *records, const struct made *made) {
  struct pax_record record;
  size_t at = 0;
  int result;
  while ((result = pax_next(records, &at, &record)) > 0) {
    result = apply_xattr(unpack, made, &record);
    if (result < 0)
      return result;
  }
  return result;
}

static int set_owner(const struct entry *entry, const struct made *made) {
  int result = made->fd >= 0 ? fchown(made->fd, entry->uid, entry->gid)
                             : fchownat(made->parent, made->name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW);
  return result < 0 ? -errno : 0;
}

static int set_mode(const struct entry *entry, const struct made *made) {
  if (entry->kind == ENTRY_SYMLINK)
    return 0;
  int result = made->fd >= 0 ? fchmod(made->fd, entry->mode) : fchmodat(made->parent, made->name, entry->mode, 0);
  return result < 0 ? -errno : 0;
}

/*
 * In this order: a change of owner takes setuid bits and capabilities away, so both come after it.
 * What is new was made with its permission bits (the umask is 0) by root:root: then both calls are spared.
 */
static int apply_rights(struct unpack *unpack, const struct entry *entry, const struct made *made) {
  int always = made->existed || unpack->inherits;
  int result = 0;
  if (always || entry->uid != 0 || entry->gid != 0)
    result = set_owner(entry, made);
  if (result == 0 && (always || (entry->mode & ~(mode_t)0777) != 0))
    result = set_mode(entry, made);
  if (result == 0)
    result = apply_xattrs(unpack, &unpack->archive.global, made);
  if (result == 0)
    result = apply_xattrs(unpack, &unpack->archive.local, made);
  return result;
}

int metadata_apply(struct unpack *unpack, const struct entry *entry, const struct made *made) {
  int result = apply_rights(unpack, entry, made);
  if (result < 0)
    return result;
  struct timespec both[2] = { entry->accessed_known ? entry->accessed : entry->modified, entry->modified };
  result = made->fd >= 0 ? futimens(made->fd, both) : utimensat(made->parent, made->name, both, AT_SYMLINK_NOFOLLOW);
  return result < 0 ? -errno : 0;
}

int metadata_directory(struct unpack *unpack, const struct entry *entry, int fd, int existed) {
  struct made made = { .fd = fd, .parent = -1, .existed = existed };
  /* Something is copied into it: it stays as it is, unless all is to be as the archive has it. */
  if (existed && unpack->merges && unpack->owners != OWNERS_ARCHIVE)
    return 0;
  int result = apply_rights(unpack, entry, &made);
  struct stat status;
  if (result == 0 && fstat(fd, &status) < 0)
    result = -errno;
  if (result == 0)
    result = directory_times_add(&unpack->times, entry, status.st_ino);
  if (entry->mode & S_ISGID)
    unpack->inherits = 1;
  return result;
}
