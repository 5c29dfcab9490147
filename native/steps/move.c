/* The step that brings all processes of a container into another group of a hierarchy, while they run and fork. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_walk.h"
#include "descriptors.h"
#include "report.h"

#define FIRST_ROOM 64
/* Of a file `stat`: what is behind it does not matter here. */
#define STAT_BYTES 128

/* Who is in the group already, sorted. */
struct members {
  pid_t *pids;
  size_t count, room;
};

static int compare(const void *one, const void *other) {
  pid_t a = *(const pid_t *)one, b = *(const pid_t *)other;
  return (a > b) - (a < b);
}

static int note(pid_t pid, void *state) {
  struct members *members = state;
  if (members->count == members->room) {
    size_t room = members->room == 0 ? FIRST_ROOM : members->room * 2;
    pid_t *pids = realloc(members->pids, room * sizeof(*pids));
    if (pids == NULL)
      return -ENOMEM;
    members->pids = pids;
    members->room = room;
  }
  members->pids[members->count++] = pid;
  return 0;
}

/* A process that has ended and is not reaped may still be listed, goes nowhere and forks no more. */
static int has_ended(pid_t pid) {
  char path[32], text[STAT_BYTES];
  snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
  cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
  if (length <= 0)
    return 1;
  text[length] = '\0';
  const char *name_end = strrchr(text, ')');
  return name_end != NULL && (name_end[2] == 'Z' || name_end[2] == 'X');
}

struct move {
  int to;
  const struct members *members;
};

/* 1 for a process that was not there. */
static int move_one(pid_t pid, void *state) {
  const struct move *move = state;
  char text[16];
  if (pid <= 0 || bsearch(&pid, move->members->pids, move->members->count, sizeof(pid), compare) != NULL)
    return 0;
  snprintf(text, sizeof(text), "%d", (int)pid);
  int error = cgroup_write(move->to, "cgroup.procs", text);
  if (error == -ESRCH || (error == 0 && has_ended(pid)))
    return 0;
  return error < 0 ? error : 1;
}

/*
 * A fork is before a move or after it, never during one (cgroup_threadgroup_rwsem): the child of who has moved is born in
 * the new group, and one that was born before shows in the next round. So a round that finds nobody outside is the last.
 */
static int move_all(int from, int to, struct patience *patience) {
  struct members members = {0};
  int moved;
  do {
    members.count = 0;
    moved = cgroup_each_own_process(to, note, &members);
    if (moved < 0)
      break;
    if (members.count > 0)
      qsort(members.pids, members.count, sizeof(*members.pids), compare);
    moved = cgroup_each_process(from, move_one, &(struct move){.to = to, .members = &members});
  } while (moved > 0 && patience_left_ms(patience) > 0);
  free(members.pids);
  return moved > 0 ? -ETIMEDOUT : moved;
}

int step_move_processes(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_MOVE_PROCESSES_TO].bytes;
  struct patience patience;
  patience_start(&patience, values[STEP_MOVE_PROCESSES_DEADLINE_MS].number);
  cleanup_close int to = cgroup_open(path);
  if (to < 0)
    return report(context, to, path);
  cleanup_close int from = cgroup_open(values[STEP_MOVE_PROCESSES_TRACKING].bytes);
  if (from < 0)
    return report(context, from, values[STEP_MOVE_PROCESSES_TRACKING].bytes);
  int error = move_all(from, to, &patience);
  return error < 0 ? report(context, error, path) : 0;
}
