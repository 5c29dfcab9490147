#include "unpack.h"

#include <errno.h>
#include <linux/openat2.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The refusals come first, so that an answer can still say the name as it was. */
static int check(const char *path) {
  while (*path) {
    size_t length = strcspn(path, "/");
    if (length == 2 && path[0] == '.' && path[1] == '.')
      return -EINVAL;
    if (length > NAME_MAX)
      return -ENAMETOOLONG;
    path += length + (path[length] == '/');
  }
  return 0;
}

int path_clean(char *path) {
  int result = check(path);
  char *to = path;
  const char *from = path;
  while (result == 0 && *from) {
    size_t length = strcspn(from, "/");
    const char *next = from + length + (from[length] == '/');
    if (length > 1 || (length == 1 && from[0] != '.')) {
      if (to != path)
        *to++ = '/';
      /* `to` never passes `from`: a component and its slash were read before they are written. */
      memmove(to, from, length);
      to += length;
    }
    from = next;
  }
  if (result == 0)
    *to = 0;
  return result;
}

void text_cut(char *to, size_t size, const char *from) {
  size_t length = strnlen(from, size - 1);
  memcpy(to, from, length);
  to[length] = 0;
}

const char *path_split(const char *path, size_t *parent_length) {
  const char *slash = strrchr(path, '/');
  *parent_length = slash ? (size_t)(slash - path) : 0;
  return slash ? slash + 1 : path;
}

int open_resolved(int directory, const char *path, int flags, uint64_t resolve) {
  struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS };
  /* EAGAIN: a rename or mount elsewhere made the kernel unsure about a `..` (openat2(2)); 128 is more than patience. */
  for (int tries = 0; tries < 128; tries++) {
    int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0)
      return fd;
    if (errno != EAGAIN && errno != EINTR)
      return -errno;
  }
  return -EAGAIN;
}
