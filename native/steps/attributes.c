#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "descriptors.h"
#include "lines.h"

/* A mountinfo line is about 100 bytes; this is room for 100 000 mounts. */
#define MOUNTINFO_LIMIT (16u << 20)

static int set(int mount, struct mount_attr *attributes, int recursive) {
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  if (mount_setattr(mount, "", flags, attributes, sizeof(*attributes)) == 0)
    return 0;
  /* A filter older than the call answers EPERM; whoever really may not will hear it again from mount(2). */
  return errno == EPERM ? -ENOSYS : -errno;
}

int attributes_set(int mount, uint64_t attributes, int recursive) {
  struct mount_attr wanted = {.attr_set = attributes};
  /* Access times are one field of several bits, which the kernel wants cleared as a whole before it is set. */
  if (attributes & MOUNT_ATTR__ATIME)
    wanted.attr_clr = MOUNT_ATTR__ATIME;
  return set(mount, &wanted, recursive);
}

int attributes_propagate(int mount, unsigned long propagation) {
  struct mount_attr wanted = {.propagation = propagation};
  return set(mount, &wanted, 1);
}

int attributes_repropagate(int mount_point, unsigned long propagation) {
  char path[DESCRIPTOR_PATH_BYTES];
  descriptor_path(mount_point, path);
  return mount(NULL, path, NULL, MS_REC | propagation, NULL) < 0 ? -errno : 0;
}

static unsigned long flags_of_attributes(uint64_t attributes) {
  static const struct { uint64_t attribute; unsigned long flag; } table[] = {
      {MOUNT_ATTR_RDONLY, MS_RDONLY},     {MOUNT_ATTR_NOSUID, MS_NOSUID},   {MOUNT_ATTR_NODEV, MS_NODEV},
      {MOUNT_ATTR_NOEXEC, MS_NOEXEC},     {MOUNT_ATTR_NOATIME, MS_NOATIME}, {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
      {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},
  };
  unsigned long flags = 0;
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    if (attributes & table[i].attribute)
      flags |= table[i].flag;
  }
  return flags;
}

/* A bind remount replaces all flags, so those that the mount has are said again. */
static unsigned long flags_of_mount(const struct statvfs *status) {
  static const struct { unsigned long present; unsigned long flag; } table[] = {
      {ST_RDONLY, MS_RDONLY},   {ST_NOSUID, MS_NOSUID},         {ST_NODEV, MS_NODEV},       {ST_NOEXEC, MS_NOEXEC},
      {ST_NOATIME, MS_NOATIME}, {ST_NODIRATIME, MS_NODIRATIME}, {ST_RELATIME, MS_RELATIME},
  };
  unsigned long flags = 0;
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    if (status->f_flag & table[i].present)
      flags |= table[i].flag;
  }
  return flags;
}

static int remount_path(const char *path, uint64_t attributes) {
  struct statvfs status;
  if (statvfs(path, &status) < 0)
    return -errno;
  unsigned long flags = flags_of_mount(&status);
  if (attributes & MOUNT_ATTR__ATIME)
    flags &= ~(unsigned long)(MS_NOATIME | MS_RELATIME | MS_STRICTATIME);
  flags |= flags_of_attributes(attributes);
  return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

int attributes_remount_root(uint64_t attributes) {
  return remount_path("/", attributes);
}

/* The fifth field of a mountinfo line with its octal escapes undone in place, or NULL (proc(5)). */
static char *mount_point_of(char *line) {
  for (int field = 0; field < 4; field++) {
    line = strchr(line, ' ');
    if (line++ == NULL)
      return NULL;
  }
  char *to = line;
  for (char *from = line; *from != '\0' && *from != ' '; to++) {
    if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] != '\0' && from[3] != '\0') {
      *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
      from += 4;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
  return line;
}

static int remount_below(const char *top, uint64_t attributes) {
  cleanup_close int table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (table < 0)
    return -errno;
  struct lines lines;
  lines_init(&lines, table, MOUNTINFO_LIMIT);
  size_t length = strlen(top);
  char *line;
  uint32_t line_length;
  int more;
  while ((more = lines_next(&lines, &line, &line_length)) > 0) {
    char *path = mount_point_of(line);
    if (path == NULL || strncmp(path, top, length) != 0 || path[length] != '/')
      continue;
    int error = remount_path(path, attributes);
    if (error < 0)
      return error;
  }
  return more;
}

int attributes_remount(int mount_point, uint64_t attributes, int recursive) {
  char link[DESCRIPTOR_PATH_BYTES];
  descriptor_path(mount_point, link);
  int error = remount_path(link, attributes);
  if (error < 0 || !recursive)
    return error;
  char top[PATH_MAX];
  ssize_t length = readlink(link, top, sizeof(top));
  if (length < 0 || length == sizeof(top))
    return length < 0 ? -errno : -ENAMETOOLONG;
  top[length] = '\0';
  if (length == 1)
    top[0] = '\0';
  return remount_below(top, attributes);
}
