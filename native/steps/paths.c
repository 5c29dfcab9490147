#include "paths.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "descriptors.h"

/* As many as the kernel follows (MAXSYMLINKS). */
#define MAX_LINKS 40
/* openat2 gives up with EAGAIN when anything on the host is mounted or renamed while it walks over `..`. */
#define MAX_TRIES 256

static int open_resolved(int base, const char *path, int flags, uint64_t resolve) {
  struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  for (int tries = 0; tries < MAX_TRIES; tries++) {
    long descriptor = syscall(SYS_openat2, base, path, &how, sizeof(how));
    if (descriptor >= 0)
      return (int)descriptor;
    if (errno != EAGAIN && errno != EINTR)
      return -errno;
  }
  return -EAGAIN;
}

int root_of(struct step_context *context) {
  if (context->root >= 0)
    return context->root;
  if (context->top < 0)
    context->top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return context->top < 0 ? -errno : context->top;
}

/* What a kernel without openat2(2) answers, and a filter older than it; a refusal in earnest is met again part by part. */
static int not_offered(int error) {
  return error == -ENOSYS || error == -EPERM;
}

/* A walk: `done` has no symlinks and is opened anew for every part, `rest` is still to go. Both without a leading slash. */
struct walk {
  int root;
  int symlinks;
  enum path_create create;
  int keeps_last; /* a symlink at the end is what is looked for */
  int links;
  char done[PATH_MAX];
  char rest[PATH_MAX];
};

/* Moves the next part of `rest` into `part`; 0 when there is none, -ENAMETOOLONG when it cannot be a name. */
static int next_part(struct walk *walk, char *part) {
  char *at = walk->rest + strspn(walk->rest, "/");
  size_t length = strcspn(at, "/");
  if (length > NAME_MAX)
    return -ENAMETOOLONG;
  memcpy(part, at, length);
  part[length] = '\0';
  char *left = at + length + strspn(at + length, "/");
  memmove(walk->rest, left, strlen(left) + 1);
  return length > 0;
}

static void leave_directory(struct walk *walk) {
  char *slash = strrchr(walk->done, '/');
  *(slash != NULL ? slash : walk->done) = '\0';
}

static int enter(struct walk *walk, const char *part) {
  size_t length = strlen(walk->done);
  size_t added = strlen(part);
  if (length + added + 2 > PATH_MAX)
    return -ENAMETOOLONG;
  if (length > 0)
    walk->done[length++] = '/';
  memcpy(walk->done + length, part, added + 1);
  return 0;
}

/* The last name: with O_PATH and O_NOFOLLOW a symlink is opened itself, as by openat2(2), else refused. */
static int open_last(int directory, const char *name, int flags) {
  cleanup_close int found = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC);
  struct stat status;
  if (found < 0)
    return errno == ENOTDIR && fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)
               ? -ELOOP
               : -errno;
  if ((flags & O_PATH) && !(flags & O_NOFOLLOW) && fstat(found, &status) == 0 && S_ISLNK(status.st_mode))
    return -ELOOP;
  return descriptor_keep(&found);
}

/* RESOLVE_NO_SYMLINKS without openat2(2), of a path without `..`: name by name, each in the directory before it. */
static int open_by_names(int root, const char *path, int flags) {
  cleanup_close int at = fcntl(root, F_DUPFD_CLOEXEC, 3);
  while (at >= 0) {
    char name[NAME_MAX + 1];
    path += strspn(path, "/");
    size_t length = strcspn(path, "/");
    if (length > NAME_MAX)
      return -ENAMETOOLONG;
    memcpy(name, path, length);
    name[length] = '\0';
    path += length;
    if (path[strspn(path, "/")] == '\0')
      return open_last(at, length > 0 ? name : ".", flags);
    int next = open_last(at, name, O_PATH | O_DIRECTORY);
    if (next < 0)
      return next;
    close(at);
    at = next;
  }
  return -errno;
}

static int open_done(struct walk *walk, int flags) {
  const char *path = walk->done[0] != '\0' ? walk->done : ".";
  int found = open_resolved(walk->root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  return not_offered(found) ? open_by_names(walk->root, path, flags) : found;
}

/* Puts the target of the symlink `link` before what is left to walk. */
static int follow(struct walk *walk, int link) {
  if (!walk->symlinks || ++walk->links > MAX_LINKS)
    return -ELOOP;
  char target[PATH_MAX];
  ssize_t length = readlinkat(link, "", target, sizeof(target));
  if (length < 0)
    return -errno;
  if (walk->symlinks == PATH_BENEATH && length > 0 && target[0] == '/')
    return -EXDEV;
  size_t left = strlen(walk->rest);
  if ((size_t)length + left + 2 > PATH_MAX)
    return -ENAMETOOLONG;
  memmove(walk->rest + length + 1, walk->rest, left + 1);
  memcpy(walk->rest, target, (size_t)length);
  walk->rest[length] = '/';
  if (length > 0 && target[0] == '/')
    walk->done[0] = '\0';
  return 0;
}

/* Makes `part` in the directory `done`; another process may have made it just before. */
static int make_part(struct walk *walk, const char *part) {
  if (walk->create == PATH_MUST_EXIST)
    return -ENOENT;
  cleanup_close int directory = open_done(walk, O_PATH | O_DIRECTORY);
  if (directory < 0)
    return directory;
  mode_t mask = umask(0);
  int result;
  if (walk->rest[0] == '\0' && walk->create == PATH_MAKE_FILE) {
    result = openat(directory, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (result >= 0)
      close(result);
  } else {
    result = mkdirat(directory, part, 0755);
  }
  int error = result < 0 && errno != EEXIST ? -errno : 0;
  umask(mask);
  return error;
}

/* Goes one part further. */
static int advance(struct walk *walk, const char *part) {
  if (strcmp(part, ".") == 0)
    return 0;
  if (strcmp(part, "..") == 0) {
    if (walk->symlinks == PATH_BENEATH && walk->done[0] == '\0')
      return -EXDEV;
    leave_directory(walk);
    return 0;
  }
  int error = enter(walk, part);
  if (error < 0)
    return error;
  cleanup_close int found = open_done(walk, O_PATH | O_NOFOLLOW);
  if (found == -ENOENT) {
    leave_directory(walk);
    error = make_part(walk, part);
    return error < 0 ? error : enter(walk, part);
  }
  struct stat status;
  if (found < 0)
    return found;
  if (fstat(found, &status) < 0)
    return -errno;
  if (S_ISLNK(status.st_mode)) {
    if (walk->keeps_last && walk->rest[0] == '\0')
      return 0;
    leave_directory(walk);
    return follow(walk, found);
  }
  return walk->rest[0] != '\0' && !S_ISDIR(status.st_mode) ? -ENOTDIR : 0;
}

static int walk_to(struct walk *walk, const char *path, int flags) {
  size_t length = strlen(path);
  if (length >= sizeof(walk->rest))
    return -ENAMETOOLONG;
  memcpy(walk->rest, path, length + 1);
  char part[NAME_MAX + 1];
  int more;
  while ((more = next_part(walk, part)) > 0) {
    int error = advance(walk, part);
    if (error < 0)
      return error;
  }
  return more < 0 ? more : open_done(walk, flags);
}

int path_open(int root, const char *path, int flags, int symlinks) {
  uint64_t scope = symlinks == PATH_BENEATH ? RESOLVE_BENEATH : RESOLVE_IN_ROOT;
  int found = open_resolved(root, path, flags, scope | (symlinks ? 0 : RESOLVE_NO_SYMLINKS));
  if (!not_offered(found))
    return found;
  if (symlinks == PATH_BENEATH && path[0] == '/')
    return -EXDEV;
  struct walk walk = {.root = root, .symlinks = symlinks, .create = PATH_MUST_EXIST};
  walk.keeps_last = (flags & O_NOFOLLOW) != 0 && path[strlen(path) - 1] != '/';
  return walk_to(&walk, path, flags);
}

int path_make(int root, const char *path, enum path_create create, int symlinks) {
  int found = path_open(root, path, O_PATH, symlinks);
  if (found != -ENOENT || create == PATH_MUST_EXIST)
    return found;
  struct walk walk = {.root = root, .symlinks = symlinks, .create = create};
  return walk_to(&walk, path, O_PATH);
}

int path_name(const char *path, char *name) {
  const char *slash = strrchr(path, '/');
  const char *last = slash != NULL ? slash + 1 : path;
  size_t length = strlen(last);
  if (length == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
    return -EINVAL;
  if (length > NAME_MAX)
    return -ENAMETOOLONG;
  memcpy(name, last, length + 1);
  return 0;
}

int path_parent(int base, const char *path) {
  const char *slash = strrchr(path, '/');
  char directory[PATH_MAX] = ".";
  size_t before = slash != NULL ? (size_t)(slash - path) : 0;
  if (before >= sizeof(directory))
    return -ENAMETOOLONG;
  if (before > 0) {
    memcpy(directory, path, before);
    directory[before] = '\0';
  }
  return path_open(base, directory, O_PATH | O_DIRECTORY, 0);
}
