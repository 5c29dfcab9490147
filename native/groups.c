/* Cgroups as the helper itself needs them: for its own place and for tracking. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core.h"

#define GROUP_MODE 0755
#define ENTER_TRIES 50
/* The agent that has just ended may still be on its way out of the group. */
#define DISSOLVE_MS 300
/* A list of CPUs or memory nodes, in ranges. */
#define SET_BYTES 4096

static int make_one(const char *path) {
  return mkdir(path, GROUP_MODE) == 0 || errno == EEXIST ? 0 : -errno;
}

/*
 * Makes a group and what is missing above it, at most so many in all. From the end upwards, for most of what is above is there.
 * A read-only mount shows at the group itself.
 */
static int make_levels(const char *path, uint64_t levels) {
  char partial[PATH_MAX];
  int result = make_one(path);
  if (result != -ENOENT) return result;
  size_t length = strlen(path);
  if (length >= sizeof partial) return -ENAMETOOLONG;
  memcpy(partial, path, length + 1);
  char *cut = partial + length;
  while (result == -ENOENT && --levels > 0) {
    while (cut > partial && *--cut != '/') {}
    if (cut == partial) return -ENOENT;
    *cut = 0;
    result = make_one(partial);
  }
  if (result < 0 && result != -EROFS) return result;
  for (result = 0; result == 0 && cut < partial + length; cut += strlen(cut)) {
    *cut = '/';
    result = make_one(partial);
  }
  return result;
}

int group_make_own(const char *path, uint64_t levels) {
  return levels == 0 ? -EINVAL : make_levels(path, levels);
}

int group_join(const char *path) {
  int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -errno;
  int file = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  int result = file < 0 || write(file, "0", 1) < 0 ? -errno : 0;
  if (file >= 0) close(file);
  close(directory);
  return result;
}

static int read_small(const char *directory, const char *name, char *text, size_t size) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return -ENAMETOOLONG;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  ssize_t length = read(file, text, size);
  int result = length < 0 ? -errno : (int)length;
  close(file);
  return result;
}

static int write_small(const char *directory, const char *name, const char *text, size_t length) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return -ENAMETOOLONG;
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  int result = write(file, text, length) < 0 ? -errno : 0;
  close(file);
  return result;
}

/* A set that is empty (a line feed alone) becomes that of the group above. */
static int inherit_set(const char *parent, const char *group, const char *name) {
  char set[SET_BYTES];
  int length = read_small(group, name, set, sizeof set);
  if (length < 0 || length > 1) return length < 0 ? length : 0;
  length = read_small(parent, name, set, sizeof set);
  return length < 0 ? length : write_small(group, name, set, (size_t)length);
}

/*
 * Nobody can join a v1 cpuset that has no CPUs or no memory nodes, and one is born without (admin-guide/cgroup-v1/cpusets.rst
 * §1.3): each level of the path that has none gets those of the level above it, from the top downwards.
 */
static int inherit_cpuset(const char *path) {
  char parent[PATH_MAX], group[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof group) return -ENAMETOOLONG;
  for (size_t end = 1; end <= length; end++) {
    if (path[end] != '/' && path[end] != 0) continue;
    memcpy(group, path, end);
    group[end] = 0;
    memcpy(parent, path, end);
    parent[end] = 0;
    *strrchr(parent, '/') = 0;
    int result = inherit_set(parent, group, "cpuset.cpus");
    if (result == 0) result = inherit_set(parent, group, "cpuset.mems");
    if (result < 0 && result != -ENOENT) return result;
  }
  return 0;
}

int group_enter(const char *path) {
  int result = -ENOENT;
  /* A fork server that ends may remove the empty group at any moment. */
  for (int tries = 0; tries < ENTER_TRIES && (result == -ENOENT || result == -ENODEV); tries++) {
    result = make_levels(path, UINT64_MAX);
    if (result == 0) result = group_join(path);
    if (result != -ENOSPC) continue;
    result = inherit_cpuset(path);
    if (result == 0) result = group_join(path);
  }
  return result;
}

void group_dissolve(const char *path) {
  char instance[PATH_MAX], top[PATH_MAX];
  if (strlen(path) >= sizeof instance) return;
  strcpy(instance, path);
  *strrchr(instance, '/') = 0;
  strcpy(top, instance);
  char *slash = strrchr(top, '/');
  if (slash == NULL || slash == top) return;
  *slash = 0;
  if (group_join(top) < 0) return;
  struct step_context context;
  struct value values[MAX_VALUES] = { 0 };
  step_context_init(&context, NULL);
  values[STEP_REMOVE_CGROUP_PATH].bytes = instance;
  values[STEP_REMOVE_CGROUP_PATH].length = (uint32_t)strlen(instance);
  values[STEP_REMOVE_CGROUP_DEADLINE_MS].number = DISSOLVE_MS;
  step_remove_cgroup(&context, values);
}

int group_is_v2(const char *path) {
  struct statfs status;
  if (statfs(path, &status) < 0) return -errno;
  return status.f_type == CGROUP2_SUPER_MAGIC;
}
