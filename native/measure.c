/* What files take on disk, by walking. One directory is open at a time but for the topmost ones, and memory has a bound. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"
#include "file_access.h"

/* Directories of the first levels stay open; from a deeper one the way back is `..`, which is checked. */
#define HELD_LEVELS 64
/* 24 bytes each; what is deeper is refused, so that nobody hides files there. */
#define MAX_LEVELS 16384
/* Small: after each directory in it the rest is listed again. */
#define LIST_BYTES 4096
#define BLOCK_BYTES 512
/* A file with n names counts at each with 1/n, in parts this small, so that nothing need be remembered of it. */
#define PARTS_PER_BYTE 65536
/* Entries between two looks at whether anybody still waits. */
#define ENTRIES_PER_LOOK 4096
#define NICE_LEAST 19

struct level {
  dev_t device;
  ino_t inode;
  int64_t resume;                  /* where its list goes on */
};

struct measure {
  int connection;
  unsigned __int128 parts;
  uint64_t entries, unread;
  int current;                     /* the deepest directory */
  int held[HELD_LEVELS];
  uint32_t depth, room;            /* levels in use, and allocated */
  struct level *levels;
};

static int is_vanished(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE;
}

static int count_entry(struct measure *measure, const struct stat *status) {
  nlink_t names = S_ISDIR(status->st_mode) || status->st_nlink == 0 ? 1 : status->st_nlink;
  measure->parts += (unsigned __int128)status->st_blocks * BLOCK_BYTES * PARTS_PER_BYTE / names;
  if (++measure->entries % ENTRIES_PER_LOOK != 0)
    return 0;
  struct pollfd asker = {.fd = measure->connection, .events = POLLRDHUP};
  return poll(&asker, 1, 0) > 0 && (asker.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0 ? -EPIPE : 0;
}

/* Takes the descriptor. */
static int enter(struct measure *measure, int directory, const struct stat *status) {
  if (measure->depth == MAX_LEVELS) {
    close(directory);
    return -ENAMETOOLONG;
  }
  if (measure->depth == measure->room) {
    uint32_t room = measure->room == 0 ? HELD_LEVELS : measure->room * 2;
    struct level *levels = realloc(measure->levels, room * sizeof(*levels));
    if (levels == NULL) {
      close(directory);
      return -ENOMEM;
    }
    measure->levels = levels;
    measure->room = room;
  }
  if (measure->depth > HELD_LEVELS)
    close(measure->current);
  if (measure->depth < HELD_LEVELS)
    measure->held[measure->depth] = directory;
  measure->levels[measure->depth++] = (struct level){.device = status->st_dev, .inode = status->st_ino};
  measure->current = directory;
  return 0;
}

/* The directory above, unless this one was moved elsewhere: then what is left of that branch is given up. */
static int climb(struct measure *measure) {
  const struct level *above = &measure->levels[measure->depth - 1];
  struct stat status;
  int parent = openat(measure->current, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  close(measure->current);
  if (parent >= 0 && fstat(parent, &status) == 0 && status.st_dev == above->device && status.st_ino == above->inode)
    return parent;
  if (parent >= 0)
    close(parent);
  measure->unread += measure->depth - HELD_LEVELS;
  measure->depth = HELD_LEVELS;
  return measure->held[HELD_LEVELS - 1];
}

static void leave(struct measure *measure) {
  measure->depth--;
  if (measure->depth < HELD_LEVELS) {
    close(measure->held[measure->depth]);
    measure->current = measure->depth > 0 ? measure->held[measure->depth - 1] : -1;
  } else if (measure->depth == HELD_LEVELS) {
    close(measure->current);
    measure->current = measure->held[HELD_LEVELS - 1];
  } else {
    measure->current = climb(measure);
  }
}

/* To where the directory above was left; one that was removed has no such place any more (ext4: EINVAL), and no files. */
static void go_back(struct measure *measure) {
  leave(measure);
  while (measure->depth > 0 && lseek(measure->current, measure->levels[measure->depth - 1].resume, SEEK_SET) < 0) {
    struct stat status;
    if (fstat(measure->current, &status) < 0 || status.st_nlink > 0)
      measure->unread++;
    leave(measure);
  }
}

/* 1: the entry is a directory, which is entered. */
static int visit(struct measure *measure, const char *name) {
  dev_t device = measure->levels[0].device;
  struct stat status;
  if (fstatat(measure->current, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
    return is_vanished(errno) ? 0 : -errno;
  if (status.st_dev != device)
    return 0;
  int error = count_entry(measure, &status);
  if (error < 0 || !S_ISDIR(status.st_mode))
    return error;
  int directory = openat(measure->current, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0 && errno == EACCES)
    measure->unread++;
  if (directory < 0)
    return is_vanished(errno) || errno == EACCES ? 0 : -errno;
  if (fstat(directory, &status) < 0 || status.st_dev != device) {
    close(directory);
    return 0;
  }
  error = enter(measure, directory, &status);
  return error < 0 ? error : 1;
}

/* Lists the deepest directory, from where it was left, up to the first directory in it. */
static int advance(struct measure *measure) {
  _Alignas(8) char list[LIST_BYTES];
  ssize_t end = syscall(SYS_getdents64, measure->current, list, sizeof(list));
  /* ENOENT: somebody has removed it. */
  if (end < 0 && !is_vanished(errno))
    return -errno;
  if (end <= 0) {
    go_back(measure);
    return 0;
  }
  for (ssize_t at = 0; at < end;) {
    const struct listed *listed = (const struct listed *)(const void *)(list + at);
    at += listed->length;
    if (strcmp(listed->name, ".") == 0 || strcmp(listed->name, "..") == 0)
      continue;
    measure->levels[measure->depth - 1].resume = listed->offset;
    int result = visit(measure, listed->name);
    if (result != 0)
      return result < 0 ? result : 0;
  }
  return 0;
}

static int measure_path(struct measure *measure, const char *path) {
  struct stat status;
  int top = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (top < 0)
    return is_vanished(errno) ? 0 : -errno;
  int result = fstat(top, &status) < 0 ? -errno : count_entry(measure, &status);
  int directory = result == 0 && S_ISDIR(status.st_mode) ? openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (result == 0 && S_ISDIR(status.st_mode) && directory < 0)
    result = -errno;
  close(top);
  if (directory >= 0)
    result = enter(measure, directory, &status);
  while (result == 0 && measure->depth > 0)
    result = advance(measure);
  if (measure->depth > HELD_LEVELS)
    close(measure->current);
  while (measure->depth > 0) {
    if (--measure->depth < HELD_LEVELS)
      close(measure->held[measure->depth]);
  }
  return result;
}

/* An overlay tells what the file system of its upper directory holds. A process with another root tells of nothing. */
static int measure_root(pid_t pid, uint64_t start_time, uint64_t *bytes) {
  char path[32];
  struct statfs filesystem;
  int process = process_open(pid, start_time);
  if (process == -ESRCH)
    return 0;
  if (process < 0)
    return process;
  snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
  int error = statfs(path, &filesystem) < 0 ? -errno : 0;
  /* It was that process's root only if the process is still there. */
  struct pollfd ended = {.fd = process, .events = POLLIN};
  int is_gone = poll(&ended, 1, 0) > 0;
  close(process);
  if (is_gone || error == -ENOENT || error == -ESRCH)
    return 0;
  if (error == 0 && filesystem.f_type == OVERLAYFS_SUPER_MAGIC)
    *bytes = (uint64_t)(filesystem.f_blocks - filesystem.f_bfree) * (uint64_t)filesystem.f_bsize;
  return error;
}

/* Whoever runs has the processors and the disk first. */
static void give_way(void) {
  setpriority(PRIO_PROCESS, 0, NICE_LEAST);
  syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

int measure_serve(int connection, const struct value *values) {
  pid_t pid = (pid_t)values[MESSAGE_MEASURE_PID].number;
  struct measure measure = {.connection = connection, .current = -1};
  struct string_cursor cursor = string_cursor(&values[MESSAGE_MEASURE_PATHS]);
  const char *path, *about = "";
  uint64_t root_bytes = 0;
  int result = 0;
  give_way();
  while (result == 0 && (path = string_next(&cursor)) != NULL) {
    about = path;
    result = measure_path(&measure, path);
  }
  if (result == 0 && pid != 0) {
    about = "root of the process";
    result = measure_root(pid, values[MESSAGE_MEASURE_START_TIME].number, &root_bytes);
  }
  free(measure.levels);
  if (result < 0) {
    return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)-result, about);
  }
  uint64_t bytes = (uint64_t)((measure.parts + PARTS_PER_BYTE / 2) / PARTS_PER_BYTE);
  return frame_send(connection, MESSAGE_MEASURED, bytes, measure.entries, measure.unread, root_bytes);
}
