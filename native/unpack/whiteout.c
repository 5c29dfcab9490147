#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* OCI image specification, layer.md, "Whiteouts"; `.wh..wh.` begins what aufs kept for itself. */
#define PREFIX ".wh."
#define RESERVED ".wh..wh."
#define OPAQUE ".wh..wh..opq"

static int begins(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

int whiteout_classify(const char *path, const char **hidden) {
  const char *at = path;
  for (;;) {
    const char *slash = strchr(at, '/');
    if (slash && begins(at, RESERVED))
      return WHITEOUT_IGNORED;
    /* Nothing can be inside something that is not there. */
    if (slash && begins(at, PREFIX))
      return -EINVAL;
    if (!slash)
      break;
    at = slash + 1;
  }
  if (strcmp(at, OPAQUE) == 0)
    return WHITEOUT_OPAQUE;
  if (begins(at, RESERVED))
    return WHITEOUT_IGNORED;
  if (!begins(at, PREFIX))
    return WHITEOUT_NONE;
  *hidden = at + strlen(PREFIX);
  int bad = !**hidden || strcmp(*hidden, ".") == 0 || strcmp(*hidden, "..") == 0;
  return bad ? -EINVAL : WHITEOUT_NAME;
}

/*
 * A whiteout hides what lower layers have, never what its own layer has, whatever comes first in the archive: a file
 * that is there hides the lower one already, a directory is made opaque. It has nothing of the lower one then.
 */
static int whiteout_beside(struct unpack *unpack, int parent, const char *hidden) {
  int fd = open_resolved(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
  if (fd == -ENOTDIR || fd == -ELOOP)
    return 0;
  if (fd < 0)
    return fd;
  int result = place_opaque(unpack, fd);
  if (result == 0)
    result = implied_forget(unpack, fd);
  close(fd);
  return result;
}

int whiteout_place(struct unpack *unpack, const char *path, const char *hidden) {
  size_t length;
  path_split(path, &length);
  int parent = parent_open(unpack, path, length, 1);
  if (parent < 0)
    return parent;
  if (mknodat(parent, hidden, S_IFCHR, 0) == 0) {
    unpack->layer_notes |= LAYER_WHITEOUTS;
    return 0;
  }
  return errno == EEXIST ? whiteout_beside(unpack, parent, hidden) : -errno;
}

int whiteout_opaque(struct unpack *unpack, const char *path) {
  size_t length;
  path_split(path, &length);
  int parent = parent_open(unpack, path, length, 1);
  if (length == 0)
    unpack->layer_notes |= LAYER_OPAQUE_ROOT;
  return parent < 0 ? parent : place_opaque(unpack, parent);
}
