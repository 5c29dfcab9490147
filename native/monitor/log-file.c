/* One file of a log: append, rotate. Every name is relative to the directory that was opened at the start. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define NAME_BYTES 32

int log_file_open(struct log_file *file, int directory) {
  if (file->descriptor >= 0) return 0;
  int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int descriptor = openat(directory, file->name, flags, 0640);
  if (descriptor < 0) return -errno;
  struct stat status;
  /* A sandbox directory belongs to the workload, which may have put a FIFO or a device here. */
  if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return -EINVAL;
  }
  file->descriptor = descriptor;
  file->size = (uint64_t)status.st_size;
  return 0;
}

void log_file_close(struct log_file *file) {
  if (file->descriptor >= 0) close(file->descriptor);
  file->descriptor = -1;
}

size_t log_file_write(struct log_file *file, int directory, const char *bytes, size_t length, int *reason) {
  int opened = log_file_open(file, directory);
  if (opened < 0) {
    *reason = -opened;
    return 0;
  }
  size_t done = 0;
  while (done < length) {
    ssize_t written = write(file->descriptor, bytes + done, length - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      *reason = written < 0 ? errno : EIO;
      break;
    }
    done += (size_t)written;
  }
  file->size += done;
  return done;
}

void log_file_cut(struct log_file *file, uint64_t size) {
  if (file->descriptor < 0 || file->size == size) return;
  if (ftruncate(file->descriptor, (off_t)size) == 0) file->size = size;
}

/* `name` for 0, else `name.N`; no printf, which would touch memory that an idle monitor does without. */
static void numbered(char out[NAME_BYTES], const char *name, uint32_t number) {
  char digits[12];
  int count = 0;
  for (uint32_t left = number; left > 0; left /= 10) digits[count++] = (char)('0' + left % 10);
  size_t at = strnlen(name, NAME_BYTES - sizeof digits - 2);
  memcpy(out, name, at);
  if (number > 0) out[at++] = '.';
  while (count > 0) out[at++] = digits[--count];
  out[at] = '\0';
}

void log_file_rotate(struct log_file *file, int directory, uint32_t max_files) {
  char from[NAME_BYTES], to[NAME_BYTES];
  int moved = 0;
  log_file_close(file);
  for (uint32_t number = max_files - 1; number > 0; number--) {
    numbered(from, file->name, number - 1);
    numbered(to, file->name, number);
    moved = renameat(directory, from, directory, to) == 0;
  }
  /* With a bound of one file, or in the way of a directory, there is no `.1`: the bound counts, the file starts anew. */
  if (!moved) unlinkat(directory, file->name, 0);
  file->size = 0;
  log_file_open(file, directory);
}
