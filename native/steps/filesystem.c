#include "filesystem.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "descriptors.h"

#define OPTION_KEY_BYTES 64

int filesystem_set(int filesystem, const char *key, const char *value) {
  return fsconfig(filesystem, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

int filesystem_open(const char *type, const char *source) {
  cleanup_close int filesystem = fsopen(type, FSOPEN_CLOEXEC);
  if (filesystem < 0)
    return -errno;
  int error = source[0] != '\0' ? filesystem_set(filesystem, "source", source) : 0;
  return error < 0 ? error : descriptor_keep(&filesystem);
}

int filesystem_option(int filesystem, const char *option) {
  const char *equals = strchr(option, '=');
  if (equals == NULL)
    return fsconfig(filesystem, FSCONFIG_SET_FLAG, option, NULL, 0) < 0 ? -errno : 0;
  char key[OPTION_KEY_BYTES];
  size_t length = (size_t)(equals - option);
  if (length >= sizeof(key))
    return -EINVAL;
  memcpy(key, option, length);
  key[length] = '\0';
  return filesystem_set(filesystem, key, equals + 1);
}

int filesystem_mount(int filesystem, uint64_t attributes) {
  if (fsconfig(filesystem, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return -errno;
  int mount = fsmount(filesystem, FSMOUNT_CLOEXEC, (unsigned)attributes);
  return mount < 0 ? -errno : mount;
}

int filesystem_refused(int filesystem, int error, char *log, size_t size) {
  /* One message per read: a letter for its kind, a space, the text, a newline. */
  ssize_t length = read(filesystem, log, size - 1);
  log[length > 0 ? length : 0] = '\0';
  char *end = strpbrk(log, "\n");
  if (end != NULL)
    *end = '\0';
  return error;
}
