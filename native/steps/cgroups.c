/* Steps that make, join, empty and remove cgroups. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup_walk.h"
#include "descriptors.h"
#include "report.h"

int step_make_cgroup(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MAKE_CGROUP_PATH].bytes;
  if (mkdir(path, 0755) < 0 && errno != EEXIST)
    return report(context, -errno, path);
  return 0;
}

int step_join_cgroup(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_JOIN_CGROUP_PATH].bytes;
  int version = cgroup_version(context, &values[STEP_JOIN_CGROUP_VERSION]);
  if (version < 0)
    return version;
  cleanup_close int group = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (group < 0)
    return report(context, -errno, path);
  /* v1: one thread is all there is, and `tasks` does not wait for a grace period as `cgroup.procs` does. */
  const char *list = version == 1 ? "tasks" : "cgroup.procs";
  int error = cgroup_write(group, list, "0");
  return error < 0 ? report(context, error, path) : 0;
}

/* 1 while the v2 group or one below it has a process (cgroup.events, `populated`). */
static int is_populated(int events) {
  char text[256];
  ssize_t length = pread(events, text, sizeof(text) - 1, 0);
  if (length < 0)
    return errno == ENODEV ? 0 : -errno;
  text[length] = '\0';
  return strstr(text, "populated 0") == NULL;
}

/* Signals again each round where the kernel has no cgroup.kill (before 5.14), for a fork may have been faster. */
static int empty_v2(int group, struct patience *patience) {
  cleanup_close int events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
  if (events < 0)
    return -errno;
  int populated = is_populated(events);
  if (populated <= 0)
    return populated;
  int by_kernel = cgroup_write(group, "cgroup.kill", "1") == 0;
  while ((populated = is_populated(events)) > 0) {
    if (!by_kernel) {
      int count = cgroup_signal_all(group, SIGKILL);
      if (count < 0)
        return count;
      if (!patience_pause(patience))
        return -ETIMEDOUT;
      continue;
    }
    int waited = patience_await_events(patience, events);
    if (waited < 0)
      return waited;
  }
  return populated;
}

/* Frozen processes cannot fork; SIGKILL waits until they thaw. A group that is no freezer is only signalled. */
static int empty_v1(int group, struct patience *patience) {
  for (;;) {
    int count = cgroup_signal_all(group, 0);
    if (count <= 0)
      return count;
    int frozen = cgroup_write(group, "freezer.state", "FROZEN");
    count = cgroup_signal_all(group, SIGKILL);
    if (frozen != -ENOENT) {
      int error = cgroup_write_all(group, "freezer.state", "THAWED");
      if (error < 0)
        return error;
    }
    if (count < 0)
      return count;
    if (!patience_pause(patience))
      return -ETIMEDOUT;
  }
}

int step_kill_cgroup(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_KILL_CGROUP_PATH].bytes;
  int version = cgroup_version(context, &values[STEP_KILL_CGROUP_VERSION]);
  if (version < 0)
    return version;
  struct patience patience;
  patience_start(&patience, values[STEP_KILL_CGROUP_DEADLINE_MS].number);
  cleanup_close int group = cgroup_open(path);
  if (group == -ENOENT)
    return 0;
  if (group < 0)
    return report(context, group, path);
  int error = version == 1 ? empty_v1(group, &patience) : empty_v2(group, &patience);
  /* Removed while it was emptied, as the groups of nested containers are by their own end: nothing is left to kill. */
  if (error == -ENOENT && access(path, F_OK) < 0 && errno == ENOENT)
    return 0;
  return error < 0 && error != -ENODEV ? report(context, error, path) : 0;
}

int step_remove_cgroup(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_REMOVE_CGROUP_PATH].bytes;
  struct patience patience;
  patience_start(&patience, values[STEP_REMOVE_CGROUP_DEADLINE_MS].number);
  for (;;) {
    /* Most groups have none below them, so the walk comes after the first try. */
    if (rmdir(path) == 0 || errno == ENOENT)
      return 0;
    int error = -errno;
    if (error == -EBUSY) {
      cleanup_close int group = cgroup_open(path);
      int below = group < 0 ? group : cgroup_remove_below(group);
      if (below < 0 && below != -EBUSY && below != -ENOENT)
        return report(context, below, path);
      if (below >= 0 && (rmdir(path) == 0 || errno == ENOENT))
        return 0;
    }
    if (error != -EBUSY || !patience_pause(&patience))
      return report(context, error, path);
  }
}
