/* One cgroup, and walks over it and the groups below it. Works on v1 and v2, which both have cgroup.procs. */
#ifndef ISOPOD_STEPS_CGROUP_WALK_H
#define ISOPOD_STEPS_CGROUP_WALK_H

#include <stdint.h>

#include "../helper.h"

/* A wait with an end and growing pauses: 0.2 ms, then twice as long each time, at most 5 ms. */
struct patience {
  uint64_t until_us;
  uint32_t pause_us;
};
void patience_start(struct patience *patience, uint64_t deadline_ms);
/* Pauses and returns 1, or returns 0 at once when the time is over. */
int patience_pause(struct patience *patience);
/* Milliseconds left, rounded up, for poll(2). */
int patience_left_ms(const struct patience *patience);
/* Until cgroup.events may have changed: 0 to look again, -ETIMEDOUT when the time is over. */
int patience_await_events(const struct patience *patience, int events);

/* The version of the hierarchy that a step names: 1, 2, or -EINVAL, reported. */
int cgroup_version(struct step_context *context, const struct value *value);
/* A descriptor of the group itself, or a negative errno. */
int cgroup_open(const char *path);
/* One write(2) to a file of the group. */
int cgroup_write(int group, const char *name, const char *value);
/* Stops all in the group and below, or lets them go on; -ETIMEDOUT with what was done so far when the time is over. */
int cgroup_set_frozen(int group, int version, int frozen, struct patience *patience);
/* Sends `signal` (0: none) to every process in the group and below; returns how many there were, or a negative errno. */
int cgroup_signal_all(int group, int signal);
/* Does something with every process in the group and below; the first negative errno ends it. Returns the sum of what it returned. */
typedef int cgroup_process_function(pid_t pid, void *state);
int cgroup_each_process(int group, cgroup_process_function *act, void *state);
/* The same without the groups below. */
int cgroup_each_own_process(int group, cgroup_process_function *act, void *state);
/* Writes a value to the file `name` of the group and of all below it; groups without that file are left out. */
int cgroup_write_all(int group, const char *name, const char *value);
/* Removes every group below this one, bottom first: 0, or -EBUSY. */
int cgroup_remove_below(int group);

#endif
