/* Steps on files and directories of the host that are ours: state, knobs, work directories. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>   /* rename */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "../file_access.h"
#include "descriptors.h"
#include "report.h"

int step_make_directory(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_DIRECTORY_PATH].bytes;
  uint64_t mode = values[STEP_MAKE_DIRECTORY_MODE].number;
  int error = check_at_most(context, "mode", mode, 01777);
  if (error < 0)
    return error;
  mode_t mask = umask(0);
  error = mkdir(path, (mode_t)mode) < 0 ? -errno : 0;
  umask(mask);
  if (error == -EEXIST && values[STEP_MAKE_DIRECTORY_EXISTING_OK].number == 1) {
    struct stat status;
    if (lstat(path, &status) < 0)
      return report(context, -errno, path);
    return S_ISDIR(status.st_mode) ? 0 : report(context, -ENOTDIR, path);
  }
  return error < 0 ? report(context, error, path) : 0;
}

int step_write_kernel_file(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_WRITE_KERNEL_FILE_PATH].bytes;
  const struct value *text = &values[STEP_WRITE_KERNEL_FILE_VALUE];
  cleanup_close int file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0)
    return report(context, -errno, path);
  ssize_t written = write(file, text->bytes, text->length);
  if (written < 0)
    return report_about(context, -errno, path, text->bytes);
  return (size_t)written == text->length ? 0 : report_about(context, -EIO, path, text->bytes);
}

int step_write_kernel_lines(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_WRITE_KERNEL_LINES_PATH].bytes;
  cleanup_close int file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0)
    return report(context, -errno, path);
  struct string_cursor cursor = string_cursor(&values[STEP_WRITE_KERNEL_LINES_LINES]);
  for (const char *line = string_next(&cursor); line != NULL; line = string_next(&cursor)) {
    if (write(file, line, strlen(line)) < 0)
      return report_about(context, -errno, path, line);
  }
  return 0;
}

static int write_new(const char *path, mode_t mode, const struct value *content) {
  /* Left by a process that was killed here. */
  if (unlink(path) < 0 && errno != ENOENT)
    return -errno;
  cleanup_close int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return -errno;
  int error = write_all(file, content->bytes, content->length);
  if (error < 0)
    return error;
  return fchmod(file, mode) < 0 ? -errno : 0;
}

int step_write_file(struct step_context *context, const struct value *values) {
  static const char suffix[] = ".new";
  const char *path = values[STEP_WRITE_FILE_PATH].bytes;
  size_t length = strlen(path);
  char temporary[PATH_MAX];
  if (length + sizeof(suffix) > sizeof(temporary))
    return report(context, -ENAMETOOLONG, path);
  memcpy(temporary, path, length);
  memcpy(temporary + length, suffix, sizeof(suffix));
  uint64_t mode = values[STEP_WRITE_FILE_MODE].number;
  int error = check_at_most(context, "mode", mode, 07777);
  if (error < 0)
    return error;
  error = write_new(temporary, (mode_t)mode, &values[STEP_WRITE_FILE_CONTENT]);
  if (error == 0 && rename(temporary, path) < 0)
    error = -errno;
  if (error < 0) {
    unlink(temporary);
    return report(context, error, path);
  }
  return 0;
}

int step_sync_filesystem(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SYNC_FILESYSTEM_PATH].bytes;
  cleanup_close int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0 || syncfs(file) < 0)
    return report(context, -errno, path);
  return 0;
}

/* ext4 puts what is made in a directory beside it, and looks at every inode that was freed there of late before it takes one. */
int step_spread_directories(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SPREAD_DIRECTORIES_PATH].bytes;
  unsigned long flags[2] = { 0 };    /* some file systems write a long, some an int */
  cleanup_close int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0 || ioctl(directory, FS_IOC_GETFLAGS, flags) < 0)
    return report(context, -errno, path);
  flags[0] |= FS_TOPDIR_FL;
  return ioctl(directory, FS_IOC_SETFLAGS, flags) < 0 ? report(context, -errno, path) : 0;
}
