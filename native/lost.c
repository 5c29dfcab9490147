/* What a monitor owed when it died: an empty group and a status. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core.h"

#define KILL_DEADLINE_MS 10000

static int empty_group(const char *path) {
  static struct step_context context;
  int version = group_is_v2(path);
  if (version < 0) return version == -ENOENT ? 0 : version;
  struct value values[3] = {
    [STEP_KILL_CGROUP_PATH] = { .bytes = path, .length = (uint32_t)strlen(path) },
    [STEP_KILL_CGROUP_VERSION] = { .number = version == 1 ? 2 : 1 },
    [STEP_KILL_CGROUP_DEADLINE_MS] = { .number = KILL_DEADLINE_MS },
  };
  step_context_init(&context, NULL);
  return step_kill_cgroup(&context, values);
}

/* Never over a status that the monitor wrote before it died. */
static int write_status(const char *state_directory) {
  char text[64];
  int length = snprintf(text, sizeof text, "lost 0 %llu 0\n", (unsigned long long)clock_wall_ms());
  int directory = open(state_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return errno == ENOENT ? 0 : -errno;
  int file = openat(directory, "status.lost", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  int result = file < 0 || write(file, text, (size_t)length) != length ? -errno : 0;
  if (result == 0 && linkat(directory, "status.lost", directory, "status", 0) < 0 && errno != EEXIST) result = -errno;
  unlinkat(directory, "status.lost", 0);
  if (file >= 0) close(file);
  close(directory);
  return result;
}

int lost_settle(const char *tracking, const char *state_directory) {
  int killed = *tracking == 0 ? 0 : empty_group(tracking);
  int written = *state_directory == 0 ? 0 : write_status(state_directory);
  if (killed < 0) dprintf(STDERR_FILENO, "group %s of a dead monitor: %s\n", tracking, strerror(-killed));
  if (written < 0) dprintf(STDERR_FILENO, "status in %s: %s\n", state_directory, strerror(-written));
  return killed < 0 || written < 0;
}
