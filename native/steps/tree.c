#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/openat2.h>
#include <unistd.h>

#include "../file_access.h"
#include "descriptors.h"

void directory_names_init(struct directory_names *names, int directory) {
  names->directory = directory;
  names->at = names->end = 0;
}

int directory_names_next(struct directory_names *names, const char **name) {
  for (;;) {
    if (names->at == names->end) {
      ssize_t count = syscall(SYS_getdents64, names->directory, names->list, sizeof(names->list));
      if (count <= 0)
        return count < 0 ? -errno : 0;
      names->at = 0;
      names->end = (size_t)count;
    }
    const struct listed *listed = (const struct listed *)(const void *)(names->list + names->at);
    names->at += listed->length;
    if (strcmp(listed->name, ".") == 0 || strcmp(listed->name, "..") == 0)
      continue;
    names->type = listed->type;
    *name = listed->name;
    return 1;
  }
}

int tree_is_empty(int directory) {
  struct directory_names names;
  directory_names_init(&names, directory);
  const char *name;
  int more;
  while ((more = directory_names_next(&names, &name)) > 0) {
    if (strcmp(name, "lost+found") != 0)
      break;
  }
  int rewound = lseek(directory, 0, SEEK_SET) < 0 ? -errno : 0;
  if (more < 0 || rewound < 0)
    return more < 0 ? more : rewound;
  return more == 0;
}

int tree_enter(int directory, const char *name) {
  struct open_how how = {
      .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  long descriptor = syscall(SYS_openat2, directory, name, &how, sizeof(how));
  return descriptor < 0 ? -errno : (int)descriptor;
}

static int own_below(int directory, uid_t uid, gid_t gid, int depth) {
  if (depth > TREE_LEVELS)
    return -ENAMETOOLONG;
  struct directory_names names;
  directory_names_init(&names, directory);
  const char *name;
  int more;
  while ((more = directory_names_next(&names, &name)) > 0) {
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT)
        continue;
      return -errno;
    }
    if (S_ISDIR(status.st_mode)) {
      cleanup_close int below = tree_enter(directory, name);
      /* A mount, or replaced meanwhile: not ours to give away. */
      if (below == -EXDEV || below == -ELOOP || below == -ENOTDIR || below == -ENOENT)
        continue;
      int error = below < 0 ? below : own_below(below, uid, gid, depth + 1);
      if (error < 0)
        return error;
    }
    if (fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
      return -errno;
  }
  return more;
}

int tree_own(int top, uid_t uid, gid_t gid) {
  struct stat status;
  if (fstat(top, &status) < 0)
    return -errno;
  if (S_ISDIR(status.st_mode)) {
    cleanup_close int directory = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = directory < 0 ? -errno : own_below(directory, uid, gid, 1);
    if (error < 0)
      return error;
  }
  return fchownat(top, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}
