/* Many small kernel files in one answer: what they cost from here is the system calls alone. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core.h"
#include "steps/paths.h"

/* Of an answer: the length of what follows. Of a file in it: errno and length. */
#define LIST_HEADER_BYTES 4
#define FILE_HEADER_BYTES 8

/* Pages of it are taken as they are needed, and kept: a worker answers many of these. */
static unsigned char answer[MAX_PAYLOAD_BYTES];

/* One of cgroups or of processes; nothing else is read here. */
static int open_directory(const char *path, int *is_procfs) {
  struct statfs status;
  int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return -errno;
  int error = fstatfs(directory, &status) < 0 ? errno : 0;
  *is_procfs = status.f_type == PROC_SUPER_MAGIC;
  int known = *is_procfs || status.f_type == CGROUP_SUPER_MAGIC || status.f_type == CGROUP2_SUPER_MAGIC;
  if (error == 0 && known) return directory;
  close(directory);
  return error != 0 ? -error : -EXDEV;
}

/*
 * What a file holds, or -EFBIG when it fills the capacity. One of a cgroup that tells statistics is a single record, which
 * one read(2) gives whole (fs/seq_file.c); procfs gives a longer table in pieces.
 */
static ssize_t read_content(int file, int in_pieces, unsigned char *bytes, size_t capacity) {
  size_t length = 0;
  for (;;) {
    ssize_t got = read(file, bytes + length, capacity - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    length += (size_t)got;
    if (length == capacity) return -EFBIG;
    if (got == 0 || !in_pieces) return (ssize_t)length;
  }
}

/* The directory that names are below until the next one; negative: why there is none. */
struct place {
  int directory;
  int is_procfs;
};

static ssize_t read_below(const struct place *place, const char *name, unsigned char *bytes, size_t capacity) {
  if (place->directory < 0) return place->directory;
  int file = path_open(place->directory, name, O_RDONLY | O_NOCTTY, 0);
  if (file < 0) return file;
  ssize_t length = read_content(file, place->is_procfs, bytes, capacity);
  close(file);
  return length;
}

static void put_u32(size_t offset, uint32_t number) {
  number = htole32(number);
  memcpy(answer + offset, &number, sizeof number);
}

static int enter(struct place *place, const char *path) {
  if (place->directory >= 0) close(place->directory);
  place->directory = open_directory(path, &place->is_procfs);
  return place->directory < 0 ? place->directory : 0;
}

/* As many of the paths as surely fit. @returns the length of the answer */
static size_t read_all(const struct value *paths, size_t capacity) {
  struct string_cursor cursor = string_cursor(paths);
  struct place place = { .directory = -EINVAL };
  size_t length = LIST_HEADER_BYTES;
  const char *path;
  while (length + FILE_HEADER_BYTES + capacity <= sizeof answer && (path = string_next(&cursor)) != NULL) {
    ssize_t got = path[0] == '/' ? enter(&place, path)
                                 : read_below(&place, path, answer + length + FILE_HEADER_BYTES, capacity);
    put_u32(length, got < 0 ? (uint32_t)-got : 0);
    put_u32(length + 4, got < 0 ? 0 : (uint32_t)got);
    length += FILE_HEADER_BYTES + (got < 0 ? 0 : (size_t)got);
  }
  if (place.directory >= 0) close(place.directory);
  put_u32(0, (uint32_t)(length - LIST_HEADER_BYTES));
  return length;
}

int read_serve(int connection, const struct value *values) {
  uint64_t most = values[MESSAGE_READ_FILES_MAX_BYTES].number;
  if (most == 0 || most > MAX_READ_BYTES) {
    return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)EINVAL,
                      "maxBytes");
  }
  /* One byte more, so that a file of `most` bytes is told from a longer one. */
  size_t length = read_all(&values[MESSAGE_READ_FILES_PATHS], (size_t)most + 1);
  return frame_write(connection, MESSAGE_FILE_CONTENTS, answer, (uint32_t)length);
}
