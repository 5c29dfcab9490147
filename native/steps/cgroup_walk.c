#include "cgroup_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "descriptors.h"
#include "report.h"

/* Nested containers nest cgroups; nobody needs more, and each level holds a descriptor. */
#define MAX_DEPTH 64
#define FIRST_PAUSE_US 200
#define LONGEST_PAUSE_US 5000
/* The kernel delays and merges notices of cgroup.events; one of a group that somebody else removes meanwhile never comes. */
#define LOOK_AGAIN_MS 20

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void patience_start(struct patience *patience, uint64_t deadline_ms) {
  uint64_t day_ms = 86400000;
  patience->until_us = now_us() + (deadline_ms < day_ms ? deadline_ms : day_ms) * 1000;
  patience->pause_us = FIRST_PAUSE_US;
}

int patience_pause(struct patience *patience) {
  if (now_us() >= patience->until_us)
    return 0;
  struct timespec pause = {.tv_nsec = (long)patience->pause_us * 1000};
  nanosleep(&pause, NULL);
  if (patience->pause_us < LONGEST_PAUSE_US)
    patience->pause_us *= 2;
  return 1;
}

int patience_left_ms(const struct patience *patience) {
  uint64_t now = now_us();
  return now >= patience->until_us ? 0 : (int)((patience->until_us - now + 999) / 1000);
}

int patience_await_events(const struct patience *patience, int events) {
  struct pollfd change = {.fd = events, .events = POLLPRI};
  int left_ms = patience_left_ms(patience);
  if (left_ms == 0)
    return -ETIMEDOUT;
  return poll(&change, 1, left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS) < 0 && errno != EINTR ? -errno : 0;
}

int cgroup_version(struct step_context *context, const struct value *value) {
  uint64_t version = value->number;
  return version == 1 || version == 2 ? (int)version : report_number(context, -EINVAL, "cgroup version", version);
}

int cgroup_open(const char *path) {
  int group = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return group < 0 ? -errno : group;
}

int cgroup_write(int group, const char *name, const char *value) {
  cleanup_close int file = openat(group, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0)
    return -errno;
  return write(file, value, strlen(value)) < 0 ? -errno : 0;
}

/* Done to each group, those below first or last as `walk` is told; returns a count or a negative errno. */
struct visit {
  int (*visit)(int group, const struct visit *visit);
  cgroup_process_function *act;
  void *state;
  const char *name;
  const char *value;
  int remove;
};

static int is_dot(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A group that goes away while we look is as good as one that was never there. */
static int is_gone(int error) {
  return error == -ENOENT || error == -ENODEV;
}

static int walk(int group, const struct visit *visit, int depth);

static int walk_child(int group, const char *name, const struct visit *visit, int depth) {
  cleanup_close int child = openat(group, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (child < 0)
    return is_gone(-errno) ? 0 : -errno;
  int count = walk(child, visit, depth + 1);
  if (count >= 0 && visit->remove && unlinkat(group, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
    return -errno;
  return count;
}

static int walk(int group, const struct visit *visit, int depth) {
  if (depth > MAX_DEPTH)
    return -ELOOP;
  int total = visit->visit != NULL ? visit->visit(group, visit) : 0;
  if (total < 0)
    return is_gone(total) ? 0 : total;
  int copy = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0)
    return is_gone(-errno) ? total : -errno;
  DIR *directory = fdopendir(copy);
  if (directory == NULL) {
    int error = -errno;
    close(copy);
    return error;
  }
  struct dirent *entry;
  int count = 0;
  while (count >= 0 && (entry = readdir(directory)) != NULL) {
    if (entry->d_type != DT_DIR || is_dot(entry->d_name))
      continue;
    count = walk_child(group, entry->d_name, visit, depth);
    total += count > 0 ? count : 0;
  }
  closedir(directory);
  return count < 0 ? count : total;
}

/* Takes the whole numbers out of a chunk of cgroup.procs; `number` carries one that is cut in two. */
static int act_on_listed(const char *chunk, ssize_t length, int64_t *number, const struct visit *visit) {
  int count = 0;
  for (ssize_t i = 0; i < length; i++) {
    if (chunk[i] >= '0' && chunk[i] <= '9' && *number < INT32_MAX) {
      *number = *number * 10 + (chunk[i] - '0');
      continue;
    }
    /* Processes of a pid namespace that we do not see are listed as 0, which kill(2) would take for our own group. */
    int result = *number <= INT32_MAX ? visit->act((pid_t)*number, visit->state) : 0;
    if (result < 0)
      return result;
    count += result;
    *number = 0;
  }
  return count;
}

static int visit_processes(int group, const struct visit *visit) {
  cleanup_close int list = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  if (list < 0)
    return -errno;
  char chunk[4096];
  int64_t number = 0;
  int count = 0;
  ssize_t length;
  while ((length = read(list, chunk, sizeof(chunk))) > 0) {
    int acted = act_on_listed(chunk, length, &number, visit);
    if (acted < 0)
      return acted;
    count += acted;
  }
  return length < 0 ? -errno : count;
}

int cgroup_each_process(int group, cgroup_process_function *act, void *state) {
  struct visit visit = {.visit = visit_processes, .act = act, .state = state};
  return walk(group, &visit, 0);
}

int cgroup_each_own_process(int group, cgroup_process_function *act, void *state) {
  return visit_processes(group, &(struct visit){.act = act, .state = state});
}

static int signal_one(pid_t pid, void *state) {
  int signal = *(const int *)state;
  if (pid > 0 && signal != 0)
    kill(pid, signal);
  return 1;
}

int cgroup_signal_all(int group, int signal) {
  return cgroup_each_process(group, signal_one, &signal);
}

static int visit_write(int group, const struct visit *visit) {
  cleanup_close int file = openat(group, visit->name, O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? 0 : -errno;
  return write(file, visit->value, strlen(visit->value)) < 0 ? -errno : 0;
}

int cgroup_write_all(int group, const char *name, const char *value) {
  struct visit visit = {.visit = visit_write, .name = name, .value = value};
  return walk(group, &visit, 0);
}

int cgroup_remove_below(int group) {
  struct visit visit = {.remove = 1};
  return walk(group, &visit, 0);
}
