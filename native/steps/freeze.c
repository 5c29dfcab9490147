/* The steps that stop a cgroup where it stands and let it go on, and that send a signal to all in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cgroup_walk.h"
#include "descriptors.h"
#include "report.h"

#define LARGEST_SIGNAL 64

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

int cgroup_set_frozen(int group, int version, int frozen, struct patience *patience) {
  return version == 1 ? set_v1(group, frozen, patience) : set_v2(group, frozen, patience);
}

/* Takes back what was asked for, and waits for nothing. */
static int let_go(int group, int version) {
  return version == 1 ? cgroup_write(group, "freezer.state", "THAWED") : cgroup_write(group, "cgroup.freeze", "0");
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
  int error = cgroup_set_frozen(group, version, frozen, &patience);
  if (error < 0 && frozen)
    let_go(group, version);
  return error < 0 ? report(context, error, path) : 0;
}

/* Who stands still neither forks nor ends, so one walk meets everybody. A process that cannot be stopped in time is met by it, too. */
static int signal_all(int group, int version, int signal, struct patience *patience) {
  int frozen = cgroup_set_frozen(group, version, 1, patience);
  int count = frozen < 0 && frozen != -ETIMEDOUT ? frozen : cgroup_signal_all(group, signal);
  int error = let_go(group, version);
  return count < 0 ? count : error;
}

int step_signal_cgroup(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SIGNAL_CGROUP_PATH].bytes;
  uint64_t signal = values[STEP_SIGNAL_CGROUP_SIGNAL].number;
  int version = cgroup_version(context, &values[STEP_SIGNAL_CGROUP_VERSION]);
  int error = version < 0 ? version : check_at_most(context, "signal", signal, LARGEST_SIGNAL);
  if (error < 0)
    return error;
  struct patience patience;
  patience_start(&patience, values[STEP_SIGNAL_CGROUP_DEADLINE_MS].number);
  cleanup_close int group = cgroup_open(path);
  if (group < 0)
    return report(context, group, path);
  int freeze = values[STEP_SIGNAL_CGROUP_FREEZE].number != 0;
  error = freeze ? signal_all(group, version, (int)signal, &patience) : cgroup_signal_all(group, (int)signal);
  return error < 0 ? report(context, error, path) : 0;
}
