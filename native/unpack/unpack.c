#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../helper.h"

/* After a refusal the peer may still be writing; so long it may take to read our answer and close. */
#define REFUSED_DRAIN_MS 5000

int unpack_begin(struct unpack *unpack, int source, int directory) {
  struct stat status;
  parents_init(&unpack->parents);
  unpack->root = directory;
  /* Modes are exact; this process does nothing else. */
  umask(0);
  if (fstat(directory, &status) < 0)
    return -errno;
  /* A copy goes into directories that may hand on theirs wherever they are. */
  unpack->inherits = unpack->merges || (status.st_mode & S_ISGID) != 0 || geteuid() != 0 || getegid() != 0 ||
                     fgetxattr(directory, "system.posix_acl_default", NULL, 0) > 0;
  return stream_open(&unpack->archive.stream, source);
}

/* Puts a clean path below the directory that is copied into. */
static int below_prefix(const struct unpack *unpack, char *path) {
  const char *prefix = unpack->prefix;
  size_t length = strlen(path), more = prefix != NULL ? strlen(prefix) : 0;
  if (more == 0)
    return 0;
  if (length + more + 2 > PATH_MAX)
    return -ENAMETOOLONG;
  size_t begin = more + (length > 0);
  memmove(path + begin, path, length + 1);
  memcpy(path, prefix, more);
  if (length > 0)
    path[more] = '/';
  return 0;
}

/* Rights that a file has by its owner do not go to another one. */
static void change_owner(const struct unpack *unpack, struct entry *entry) {
  if (!unpack->merges || unpack->owners == OWNERS_ARCHIVE)
    return;
  entry->uid = unpack->uid;
  entry->gid = unpack->gid;
  entry->mode &= ~(mode_t)(S_ISUID | S_ISGID);
}

static int place_copied(struct unpack *unpack, struct entry *entry) {
  if (!*entry->name && entry->kind != ENTRY_DIRECTORY)
    return -EINVAL;
  int result = below_prefix(unpack, entry->name);
  if (result == 0 && entry->kind == ENTRY_HARD_LINK) {
    result = path_clean(entry->link);
    if (result == 0)
      result = *entry->link ? below_prefix(unpack, entry->link) : -EINVAL;
  }
  change_owner(unpack, entry);
  return result < 0 ? result : place_entry(unpack, entry);
}

static int unpack_named(struct unpack *unpack, struct entry *entry) {
  if (unpack->merges)
    return place_copied(unpack, entry);
  const char *hidden = NULL;
  int kind = WHITEOUT_NONE;
  if (unpack->whiteouts == WHITEOUTS_OVERLAY)
    kind = whiteout_classify(entry->name, &hidden);
  switch (kind) {
    case WHITEOUT_NONE:
      return place_entry(unpack, entry);
    case WHITEOUT_NAME:
      return whiteout_place(unpack, entry->name, hidden);
    case WHITEOUT_OPAQUE:
      return whiteout_opaque(unpack, entry->name);
    case WHITEOUT_IGNORED:
      return 0;
    default:
      return kind;
  }
}

static int unpack_entry(struct unpack *unpack, struct entry *entry) {
  unpack->named = 1;
  if (unpack->entries + unpack->implied >= unpack->max_entries)
    return -E2BIG;
  if (entry->data_bytes > unpack->max_bytes - unpack->bytes)
    return -EFBIG;
  unpack->bytes += entry->data_bytes;
  if (entry->kind == ENTRY_LABEL)
    return 0;
  if (unpack->parents.stale)
    parents_flush(&unpack->parents);
  int result = path_clean(entry->name);
  return result < 0 ? result : unpack_named(unpack, entry);
}

int unpack_all(struct unpack *unpack) {
  int result;
  while ((result = archive_next(&unpack->archive, &unpack->entry)) > 0) {
    result = unpack_entry(unpack, &unpack->entry);
    if (result < 0)
      return result;
    unpack->entries++;
    unpack->named = 0;
  }
  /* From here on no entry is to blame. */
  if (result == 0) {
    unpack->entry.name[0] = 0;
    result = stream_drain(&unpack->archive.stream, unpack->max_bytes);
  }
  if (result == 0)
    result = directory_times_apply(&unpack->times, unpack->root);
  return result < 0 ? result : implied_end(unpack);
}

void unpack_end(struct unpack *unpack) {
  parents_flush(&unpack->parents);
  directory_times_free(&unpack->times);
  free(unpack->entry.sparse.segments);
  free(unpack->archive.local.bytes);
  free(unpack->archive.global.bytes);
  stream_close(&unpack->archive.stream);
}

/* The name of the entry and, in brackets, what of it failed; empty when the archive itself ended badly. */
static void describe(const struct unpack *unpack, char *detail) {
  text_cut(detail, DETAIL_BYTES, unpack->named && !*unpack->entry.name ? "." : unpack->entry.name);
  size_t length = strlen(detail);
  if (!*unpack->about || length + strlen(unpack->about) + 4 > DETAIL_BYTES)
    return;
  strcat(detail, " (");
  strcat(detail, unpack->about);
  strcat(detail, ")");
}

/* A peer that writes into a closed socket may never come to read why it was refused. */
static void drain_refused(int socket) {
  static char sink[64 * 1024];
  struct timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (;;) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    long left = REFUSED_DRAIN_MS - (now.tv_sec - begin.tv_sec) * 1000 - (now.tv_nsec - begin.tv_nsec) / 1000000;
    struct pollfd wait = { .fd = socket, .events = POLLIN };
    if (left <= 0 || poll(&wait, 1, (int)left) <= 0 || read(socket, sink, sizeof sink) <= 0)
      return;
  }
}

static int refuse(int socket, uint64_t entry, int error, const char *detail) {
  int result = frame_send(socket, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_UNPACK, entry, (uint64_t)-error, detail);
  if (result == 0)
    drain_refused(socket);
  return result;
}

int unpack_refuse(int socket, int error, const char *detail) {
  return refuse(socket, 0, error, detail);
}

int unpack_answer(struct unpack *unpack, int socket, int directory) {
  char detail[DETAIL_BYTES];
  int result = unpack_begin(unpack, socket, directory);
  if (result == 0)
    result = unpack_all(unpack);
  describe(unpack, detail);
  uint64_t entries = unpack->entries, bytes = unpack->bytes;
  unpack_end(unpack);
  if (result < 0)
    return refuse(socket, entries, result, detail);
  return frame_send(socket, MESSAGE_UNPACKED, entries, bytes);
}

/*
 * Reads an archive from `socket` until half-close and unpacks it into the directory that the message names; answers
 * `unpacked`, or `failed` with the index of the entry as its step. What was unpacked before a failure stays.
 */
int unpack_serve(int socket, const struct value *values) {
  const char *path = values[MESSAGE_UNPACK_DIRECTORY].bytes;
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return refuse(socket, 0, -errno, path);
  struct unpack *unpack = calloc(1, sizeof *unpack);
  if (!unpack) {
    close(directory);
    return refuse(socket, 0, -ENOMEM, path);
  }
  unpack->whiteouts = (int)values[MESSAGE_UNPACK_WHITEOUTS].number;
  unpack->max_entries = values[MESSAGE_UNPACK_MAX_ENTRIES].number;
  unpack->max_bytes = values[MESSAGE_UNPACK_MAX_BYTES].number;
  unpack->archive.header_limit = values[MESSAGE_UNPACK_MAX_HEADER_BYTES].number;
  int result = unpack_answer(unpack, socket, directory);
  free(unpack);
  close(directory);
  return result;
}
