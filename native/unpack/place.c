#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../gen/wire.h"

int is_whiteout(const struct unpack *unpack, int parent, const char *name) {
  struct stat status;
  return unpack->whiteouts == WHITEOUTS_OVERLAY && fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

/* Kernel documentation, filesystems/overlayfs, "whiteouts and opaque directories". */
int place_opaque(struct unpack *unpack, int directory) {
  if (fsetxattr(directory, "trusted.overlay.opaque", "y", 1, 0) == 0)
    return 0;
  int error = errno;
  text_cut(unpack->about, sizeof unpack->about, "trusted.overlay.opaque");
  return -error;
}

/* Takes away what an earlier entry, or the directory as it was given, has at this name. */
static int clear(struct unpack *unpack, int parent, const char *name) {
  struct stat status;
  unpack->parents.stale = 1;
  if (unpack->merges && fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
    return -EISDIR;
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
    return 0;
  return errno == EISDIR ? remove_tree(parent, name, NULL) : -errno;
}

static int open_new_file(int parent, const struct entry *entry, const char *name) {
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->mode & 0777);
  return fd < 0 ? -errno : fd;
}

/* Closes the new file. */
static int fill_file(struct unpack *unpack, const struct entry *entry, struct made made) {
  struct archive *archive = &unpack->archive;
  int result = entry->sparse.form == SPARSE_NONE ? stream_copy(&archive->stream, made.fd, entry->data_bytes)
                                                 : sparse_copy(&entry->sparse, &archive->stream, made.fd);
  archive_data_done(archive);
  if (result == 0)
    result = metadata_apply(unpack, entry, &made);
  /* Some file systems report a failed write only here. */
  if (close(made.fd) < 0 && result == 0)
    result = -errno;
  return result;
}

/* In the place of what is there; in one step, so that nobody ever finds half of it or nothing. */
static int put_in_place(struct unpack *unpack, const struct made *where, const char *temporary) {
  int parent = where->parent;
  if (syscall(SYS_renameat2, parent, temporary, parent, where->name, 1 /* RENAME_NOREPLACE */) == 0)
    return 0;
  unpack->parents.stale = 1;
  return renameat(parent, temporary, parent, where->name) < 0 ? -errno : 0;
}

/* A copy that breaks off leaves what was there before. */
static int place_whole_file(struct unpack *unpack, const struct entry *entry, const struct made *where) {
  char temporary[] = ".isopod-copy-0123456789abcdef";
  unsigned char random[8];
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return -EIO;
  for (size_t i = 0; i < 2 * sizeof random; i++)
    temporary[13 + i] = "0123456789abcdef"[random[i / 2] >> (i % 2) * 4 & 15];
  struct made made = *where;
  made.name = temporary;
  made.fd = open_new_file(made.parent, entry, temporary);
  if (made.fd < 0)
    return made.fd;
  int result = fill_file(unpack, entry, made);
  if (result == 0)
    result = put_in_place(unpack, where, temporary);
  if (result < 0)
    unlinkat(made.parent, temporary, 0);
  return result;
}

static int place_file(struct unpack *unpack, const struct entry *entry, const struct made *where) {
  if (unpack->merges)
    return place_whole_file(unpack, entry, where);
  struct made made = *where;
  made.fd = open_new_file(made.parent, entry, made.name);
  if (made.fd == -EEXIST) {
    int cleared = clear(unpack, made.parent, made.name);
    made.fd = cleared < 0 ? cleared : open_new_file(made.parent, entry, made.name);
  }
  return made.fd < 0 ? made.fd : fill_file(unpack, entry, made);
}

static int make_node(const struct unpack *unpack, const struct entry *entry, const struct made *where) {
  int result;
  int is_device = entry->kind == ENTRY_CHARACTER_DEVICE || entry->kind == ENTRY_BLOCK_DEVICE;
  /* A device is more than its bytes: only who asks for all as it is gets one. */
  if (is_device && unpack->merges && unpack->owners != OWNERS_ARCHIVE)
    return -EPERM;
  if (entry->kind == ENTRY_SYMLINK)
    result = symlinkat(entry->link, where->parent, where->name);
  else if (entry->kind == ENTRY_FIFO)
    result = mknodat(where->parent, where->name, S_IFIFO | (entry->mode & 0777), 0);
  else
    result = mknodat(where->parent, where->name,
                     (entry->kind == ENTRY_BLOCK_DEVICE ? S_IFBLK : S_IFCHR) | (entry->mode & 0777),
                     makedev(entry->device_major, entry->device_minor));
  return result < 0 ? -errno : 0;
}

static int place_node(struct unpack *unpack, const struct entry *entry, const struct made *where) {
  int result = make_node(unpack, entry, where);
  if (result == -EEXIST) {
    result = clear(unpack, where->parent, where->name);
    if (result == 0)
      result = make_node(unpack, entry, where);
  }
  return result < 0 ? result : metadata_apply(unpack, entry, where);
}

static int same_place(const struct made *where, int target_parent, const char *target) {
  struct stat here, there;
  return strcmp(where->name, target) == 0 && fstat(where->parent, &here) == 0 && fstat(target_parent, &there) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* A link to a symlink is a link to the symlink itself; what it points to is never touched. */
static int place_hard_link(struct unpack *unpack, const struct entry *entry, const struct made *where) {
  char link[PATH_MAX];
  memcpy(link, entry->link, strlen(entry->link) + 1);
  int result = path_clean(link);
  if (result < 0 || !*link)
    return result < 0 ? result : -EINVAL;
  size_t length;
  const char *target = path_split(link, &length);
  int parent = parent_open(unpack, link, length, 0);
  if (parent < 0)
    return parent;
  if (linkat(parent, target, where->parent, where->name, 0) == 0)
    return 0;
  if (errno != EEXIST)
    return -errno;
  if (same_place(where, parent, target))
    return 0;
  result = clear(unpack, where->parent, where->name);
  if (result == 0 && linkat(parent, target, where->parent, where->name, 0) < 0)
    result = -errno;
  return result;
}

/* A directory of this layer that takes the place of a whiteout hides the lower one as a whole. */
static int replace_by_directory(struct unpack *unpack, const struct entry *entry, const struct made *where, int *opaque) {
  *opaque = is_whiteout(unpack, where->parent, where->name);
  if (unpack->merges)
    return -ENOTDIR;
  int result = clear(unpack, where->parent, where->name);
  if (result == 0 && mkdirat(where->parent, where->name, entry->mode & 0777) < 0)
    result = -errno;
  if (result < 0)
    return result;
  return open_resolved(where->parent, where->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
}

static int place_directory(struct unpack *unpack, const struct entry *entry, const struct made *where) {
  int opaque = 0;
  int existed = mkdirat(where->parent, where->name, entry->mode & 0777) < 0;
  if (existed && errno != EEXIST)
    return -errno;
  int fd = open_resolved(where->parent, where->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
  if (fd == -ENOTDIR || fd == -ELOOP)
    fd = replace_by_directory(unpack, entry, where, &opaque);
  if (fd < 0)
    return fd;
  int result = metadata_directory(unpack, entry, fd, existed);
  if (result == 0 && existed)
    result = implied_forget(unpack, fd);
  if (result == 0 && opaque)
    result = place_opaque(unpack, fd);
  /* What follows in an archive is mostly inside. */
  parent_keep(unpack, entry->name, fd);
  return result;
}

static int place_root(struct unpack *unpack, const struct entry *entry) {
  if (entry->kind != ENTRY_DIRECTORY)
    return -EINVAL;
  unpack->root_named = 1;
  return metadata_directory(unpack, entry, unpack->root, 1);
}

int place_entry(struct unpack *unpack, const struct entry *entry) {
  if (!*entry->name)
    return place_root(unpack, entry);
  size_t length;
  struct made where = { .fd = -1 };
  where.name = path_split(entry->name, &length);
  where.parent = parent_open(unpack, entry->name, length, 1);
  if (where.parent < 0)
    return where.parent;
  switch (entry->kind) {
    case ENTRY_FILE:
      return place_file(unpack, entry, &where);
    case ENTRY_DIRECTORY:
      return place_directory(unpack, entry, &where);
    case ENTRY_HARD_LINK:
      return place_hard_link(unpack, entry, &where);
    default:
      return place_node(unpack, entry, &where);
  }
}
