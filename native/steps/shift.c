/* What stands in for a mapped tree where the file system or the kernel has none: other owners for each file of a copy. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "descriptors.h"
#include "id_map.h"
#include "report.h"

#define CAPABILITY_ATTRIBUTE "security.capability"

struct shift {
  struct step_context *context;
  struct id_map uids, gids;
  uint32_t root;                  /* what uid 0 inside is outside */
};

static int is_shifted(const struct shift *shift, const struct stat *status) {
  int is_known;
  id_map_inside(&shift->uids, status->st_uid, &is_known);
  return is_known;
}

/* Capabilities of a file count only in the user namespace whose root they name (capabilities(7), version 3). */
static int restore_capabilities(int file, const struct vfs_ns_cap_data *found, ssize_t length, uint32_t root) {
  struct vfs_ns_cap_data wanted = *found;
  if (length <= 0)
    return 0;
  wanted.magic_etc = VFS_CAP_REVISION_3 | (found->magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
  wanted.rootid = root;
  return fsetxattr(file, CAPABILITY_ATTRIBUTE, &wanted, sizeof(wanted), 0) < 0 ? -errno : 0;
}

/* chown(2) takes the set-id bits and the capabilities of a file away, so they are given back. */
static int shift_file(const struct shift *shift, int directory, const char *name, const struct stat *status) {
  uint32_t uid = id_map_outside(&shift->uids, status->st_uid), gid = id_map_outside(&shift->gids, status->st_gid);
  struct vfs_ns_cap_data capabilities = {0};
  /* Another name of a file that was met already. */
  if (status->st_nlink > 1 && !S_ISDIR(status->st_mode) && is_shifted(shift, status))
    return 0;
  if (!S_ISREG(status->st_mode))
    return fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
  cleanup_close int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0)
    return -errno;
  ssize_t length = fgetxattr(file, CAPABILITY_ATTRIBUTE, &capabilities, sizeof(capabilities));
  if (fchown(file, uid, gid) < 0)
    return -errno;
  if ((status->st_mode & (S_ISUID | S_ISGID)) != 0 && fchmod(file, status->st_mode & 07777) < 0)
    return -errno;
  return restore_capabilities(file, &capabilities, length, shift->root);
}

static int is_dots(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int shift_directory(const struct shift *shift, int directory);

static int shift_entry(const struct shift *shift, int directory, const char *name) {
  struct stat status;
  if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  int error = shift_file(shift, directory, name, &status);
  if (error == 0 && S_ISDIR(status.st_mode)) {
    int below = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return below < 0 ? -errno : shift_directory(shift, below);
  }
  return error;
}

/* Nobody else sees the tree yet. Closes `directory`. */
static int shift_directory(const struct shift *shift, int directory) {
  DIR *list = fdopendir(directory);
  struct dirent *entry;
  int error = 0;
  if (list == NULL) {
    error = -errno;
    close(directory);
    return error;
  }
  while (error == 0 && (errno = 0, entry = readdir(list)) != NULL) {
    if (is_dots(entry->d_name))
      continue;
    error = shift_entry(shift, directory, entry->d_name);
    if (error < 0 && shift->context->detail[0] == '\0')
      step_detail(shift->context, entry->d_name);
  }
  if (error == 0)
    error = -errno;
  closedir(list);
  return error;
}

int step_shift_tree(struct step_context *context, const struct value *values) {
  struct shift *shift = calloc(1, sizeof(*shift));
  struct stat status;
  int tree = slot_get(context, values[STEP_SHIFT_TREE_SLOT].number);
  if (shift == NULL || tree < 0) {
    free(shift);
    return tree < 0 ? tree : -ENOMEM;
  }
  shift->context = context;
  int error = id_map_parse(values[STEP_SHIFT_TREE_UID_MAP].bytes, &shift->uids);
  if (error == 0)
    error = id_map_parse(values[STEP_SHIFT_TREE_GID_MAP].bytes, &shift->gids);
  if (error < 0)
    step_detail(context, "map");
  shift->root = id_map_outside(&shift->uids, 0);
  int top = error < 0 ? -1 : openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (error == 0 && (top < 0 || fstat(top, &status) < 0))
    error = -errno;
  if (error == 0 && fchown(top, id_map_outside(&shift->uids, status.st_uid), id_map_outside(&shift->gids, status.st_gid)) < 0)
    error = -errno;
  if (error == 0)
    error = shift_directory(shift, top);
  else if (top >= 0)
    close(top);
  free(shift);
  return error;
}
