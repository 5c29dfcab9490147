/* The step that stops a cgroup where it stands, and lets it go on. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cgroup_walk.h"
#include "descriptors.h"
#include "report.h"

/* 1 while the v2 group is as wanted (cgroup.events, `frozen`; admin-guide/cgroup-v2.rst). */
static int is_as_wanted_v2(int events, int frozen) {
  char text[256];
  ssize_t length = pread(events, text, sizeof(text) - 1, 0);
  if (length < 0)
    return -errno;
  text[length] = '\0';
  return strstr(text, frozen ? "frozen 1" : "frozen 0") != NULL;
}

static int set_v2(int group, int frozen, struct patience *patience) {
  cleanup_close int events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
  if (events < 0)
    return -errno;
  int error = cgroup_write(group, "cgroup.freeze", frozen ? "1" : "0");
  if (error < 0)
    return error;
  int done;
  while ((done = is_as_wanted_v2(events, frozen)) == 0) {
    int waited = patience_await_events(patience, events);
    if (waited < 0)
      return waited;
  }
  return done < 0 ? done : 0;
}

/* 1 while freezer.state is as wanted; between the two it says FREEZING (admin-guide/cgroup-v1/freezer-subsystem.rst). */
static int is_as_wanted_v1(int group, const char *wanted) {
  char text[32];
  cleanup_close int state = openat(group, "freezer.state", O_RDONLY | O_CLOEXEC);
  if (state < 0)
    return -errno;
  ssize_t length = pread(state, text, sizeof(text) - 1, 0);
  if (length < 0)
    return -errno;
  text[length] = '\0';
  return strncmp(text, wanted, strlen(wanted)) == 0;
}

/* Written again each round: a process that was forked meanwhile is frozen by the next write only. */
static int set_v1(int group, int frozen, struct patience *patience) {
  const char *wanted = frozen ? "FROZEN" : "THAWED";
  for (;;) {
    int error = cgroup_write(group, "freezer.state", wanted);
    int done = error < 0 ? error : is_as_wanted_v1(group, wanted);
    if (done != 0)
      return done < 0 ? done : 0;
    if (!patience_pause(patience))
      return -ETIMEDOUT;
  }
}

int step_freeze_cgroup(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_FREEZE_CGROUP_PATH].bytes;
  int frozen = values[STEP_FREEZE_CGROUP_FROZEN].number != 0;
  int version = cgroup_version(context, &values[STEP_FREEZE_CGROUP_VERSION]);
  if (version < 0)
    return version;
  struct patience patience;
  patience_start(&patience, values[STEP_FREEZE_CGROUP_DEADLINE_MS].number);
  cleanup_close int group = cgroup_open(path);
  if (group < 0)
    return report(context, group, path);
  int error = version == 1 ? set_v1(group, frozen, &patience) : set_v2(group, frozen, &patience);
  if (error < 0 && frozen)
    cgroup_write(group, version == 1 ? "freezer.state" : "cgroup.freeze", version == 1 ? "THAWED" : "0");
  return error < 0 ? report(context, error, path) : 0;
}
