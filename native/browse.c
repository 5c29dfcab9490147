/*
 * What a container has written, for who looks at it from outside: paths are resolved once, below a directory of ours that
 * no symlink leads out of, and only regular files and directories are opened. Nothing is changed.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"
#include "file_access.h"
#include "steps/descriptors.h"
#include "steps/paths.h"

#define LIST_BYTES 32768
#define NS_PER_S UINT64_C(1000000000)
/* mode, uid, gid, length of the name; then links, size, time of the last change of the content in ns. */
#define ENTRY_WORDS 4
#define ENTRY_LONGS 3
#define ENTRY_BYTES (ENTRY_WORDS * 4 + ENTRY_LONGS * 8)
/* Room in a frame for all but the entries. */
#define FRAME_REST 64

/* Pages of it are taken as they are needed. */
static unsigned char content[MAX_PAYLOAD_BYTES - FRAME_REST];

static int refuse(int connection, int error, const char *path) {
  return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)error, path);
}

/* Looked at before it is opened, for opening a device or a FIFO can block or do something; and then opened itself. */
static int open_below(const char *directory, const char *path, mode_t type, struct stat *status) {
  cleanup_close int root = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (root < 0) return -errno;
  cleanup_close int found = path_open(root, path[0] != '\0' ? path : ".", O_PATH, PATH_BENEATH);
  if (found < 0) return found;
  if (fstat(found, status) < 0) return -errno;
  if ((status->st_mode & S_IFMT) != type) return type == S_IFDIR ? -ENOTDIR : S_ISDIR(status->st_mode) ? -EISDIR : -EINVAL;
  char again[DESCRIPTOR_PATH_BYTES];
  descriptor_path(found, again);
  int opened = open(again, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (type == S_IFDIR ? O_DIRECTORY : 0));
  return opened < 0 ? -errno : opened;
}

static void put_entry(unsigned char *at, const struct stat *status, const char *name, uint32_t length) {
  const uint32_t words[ENTRY_WORDS] = { htole32(status->st_mode), htole32(status->st_uid), htole32(status->st_gid),
                                        htole32(length) };
  const uint64_t changed = (uint64_t)status->st_mtim.tv_sec * NS_PER_S + (uint64_t)status->st_mtim.tv_nsec;
  const uint64_t longs[ENTRY_LONGS] = { htole64((uint64_t)status->st_nlink), htole64((uint64_t)status->st_size),
                                        htole64(changed) };
  memcpy(at, words, sizeof words);
  memcpy(at + sizeof words, longs, sizeof longs);
  memcpy(at + ENTRY_BYTES, name, length);
}

/* 1 when it does not fit any more, 0 when it was put, or is gone meanwhile. */
static int add_entry(int directory, const char *name, uint32_t *length) {
  struct stat status;
  uint32_t name_length = (uint32_t)strlen(name);
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
  if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) return 0;
  if (sizeof content - *length < ENTRY_BYTES + name_length) return 1;
  put_entry(content + *length, &status, name, name_length);
  *length += ENTRY_BYTES + name_length;
  return 0;
}

/* As many entries as surely fit. @returns whether there are more, or a negative errno */
static int list_entries(int directory, uint32_t *length) {
  _Alignas(8) char list[LIST_BYTES];
  for (;;) {
    ssize_t end = syscall(SYS_getdents64, directory, list, sizeof list);
    if (end < 0) return -errno;
    if (end == 0) return 0;
    for (ssize_t at = 0; at < end;) {
      const struct listed *listed = (const struct listed *)(const void *)(list + at);
      at += listed->length;
      if (add_entry(directory, listed->name, length)) return 1;
    }
  }
}

int browse_list(int connection, const struct value *values) {
  const char *path = values[MESSAGE_LIST_FILES_PATH].bytes;
  struct stat status;
  cleanup_close int directory = open_below(values[MESSAGE_LIST_FILES_DIRECTORY].bytes, path, S_IFDIR, &status);
  if (directory < 0) return refuse(connection, -directory, path);
  uint32_t length = 0;
  int more = list_entries(directory, &length);
  if (more < 0) return refuse(connection, -more, path);
  return frame_send(connection, MESSAGE_FILE_LIST, (uint64_t)more, (const void *)content, length);
}

/* @returns how many bytes there are, which is less than were asked for at the end of the file */
static ssize_t read_part(int file, uint64_t offset, size_t wanted) {
  size_t length = 0;
  while (length < wanted) {
    ssize_t got = pread(file, content + length, wanted - length, (off_t)(offset + length));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    length += (size_t)got;
  }
  return (ssize_t)length;
}

int browse_read(int connection, const struct value *values) {
  const char *path = values[MESSAGE_READ_FILE_PATH].bytes;
  uint64_t offset = values[MESSAGE_READ_FILE_OFFSET].number, wanted = values[MESSAGE_READ_FILE_LENGTH].number;
  if (offset > INT64_MAX - sizeof content || wanted > MAX_FILE_PART_BYTES) return refuse(connection, EINVAL, "offset or length");
  struct stat status;
  cleanup_close int file = open_below(values[MESSAGE_READ_FILE_DIRECTORY].bytes, path, S_IFREG, &status);
  if (file < 0) return refuse(connection, -file, path);
  ssize_t length = read_part(file, offset, (size_t)wanted);
  if (length < 0) return refuse(connection, (int)-length, path);
  return frame_send(connection, MESSAGE_FILE_PART, (uint64_t)status.st_size, (const void *)content, (uint32_t)length);
}
