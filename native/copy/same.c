/* Whether what a container has is what its layers have. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../steps/contents.h"
#include "../steps/descriptors.h"

void pack_owner(const struct pack *pack, struct stat *status) {
  if (pack->owners == NULL)
    return;
  status->st_uid = id_map_inside(&pack->owners->uids, status->st_uid, NULL);
  status->st_gid = id_map_inside(&pack->owners->gids, status->st_gid, NULL);
}

int is_same_time(const struct timespec *one, const struct timespec *other) {
  return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

static int is_same_file(const struct pack *pack, int found, int former) {
  cleanup_close int now = pack_reopen(pack, found, O_RDONLY);
  cleanup_close int before = now < 0 ? -1 : pack_reopen(pack, former, O_RDONLY);
  if (now < 0 || before < 0)
    return now < 0 ? now : before;
  int result = note_has_same_attributes(pack, now, before);
  return result > 0 ? contents_are_same(now, before) : result;
}

static int is_same_link(int found, int former) {
  char now[PATH_MAX], before[PATH_MAX];
  ssize_t length = readlinkat(found, "", now, sizeof(now));
  ssize_t other = length < 0 ? -1 : readlinkat(former, "", before, sizeof(before));
  if (length < 0 || other < 0)
    return -errno;
  return length == other && memcmp(now, before, (size_t)length) == 0;
}

int is_same_node(const struct pack *pack, int found, const struct stat *status, int former, const struct stat *old) {
  if (status->st_mode != old->st_mode || status->st_uid != old->st_uid || status->st_gid != old->st_gid ||
      !is_same_time(&status->st_mtim, &old->st_mtim))
    return 0;
  switch (status->st_mode & S_IFMT) {
    case S_IFREG: return status->st_size == old->st_size ? is_same_file(pack, found, former) : 0;
    case S_IFLNK: return is_same_link(found, former);
    case S_IFCHR:
    case S_IFBLK: return status->st_rdev == old->st_rdev;
    default: return 1;
  }
}
