/* A worker that watches cgroups for others: what a kernel file has to say comes by poll(2), which Node cannot ask for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core.h"

/* Each holds a descriptor. */
#define MAX_WATCHES 4000

struct watch {
  uint64_t id;
  uint64_t kind;
};

/* `polled[0]` is the connection, `polled[n + 1]` belongs to `watches[n]`. */
struct watcher {
  int connection;
  int count;
  struct watch watches[MAX_WATCHES];
  struct pollfd polled[MAX_WATCHES + 1];
};

/* The trigger lives as long as the descriptor it was written to (accounting/psi.rst). */
static int open_pressure(const char *path, const char *trigger) {
  int file = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return -errno;
  if (write(file, trigger, strlen(trigger) + 1) >= 0) return file;
  int error = -errno;
  close(file);
  return error;
}

/* Reading arms it: poll(2) then tells of the next change (fs/kernfs/file.c, kernfs_generic_poll). */
static int read_events(int file) {
  char ignored[1024];
  return pread(file, ignored, sizeof ignored, 0) < 0 ? -errno : 0;
}

static int open_events(const char *path) {
  int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return -errno;
  int error = read_events(file);
  if (error < 0) close(file);
  return error < 0 ? error : file;
}

/* An eventfd that counts how often memory ran out in a v1 group (admin-guide/cgroup-v1/memory.rst §10). */
static int open_out_of_memory(const char *group) {
  char line[64];
  int directory = open(group, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return -errno;
  int source = openat(directory, "memory.oom_control", O_RDONLY | O_CLOEXEC);
  int control = openat(directory, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
  int events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int error = source < 0 || control < 0 || events < 0 ? -errno : 0;
  int length = snprintf(line, sizeof line, "%d %d", events, source);
  if (error == 0 && write(control, line, (size_t)length) < 0) error = -errno;
  close(directory);
  if (source >= 0) close(source);
  if (control >= 0) close(control);
  if (error == 0) return events;
  if (events >= 0) close(events);
  return error;
}

static int open_watch(const struct value *values) {
  const char *path = values[MESSAGE_WATCH_PATH].bytes;
  switch (values[MESSAGE_WATCH_KIND].number) {
    case WATCH_KIND_PRESSURE: return open_pressure(path, values[MESSAGE_WATCH_TRIGGER].bytes);
    case WATCH_KIND_EVENTS: return open_events(path);
    case WATCH_KIND_OUT_OF_MEMORY: return open_out_of_memory(path);
    default: return -EINVAL;
  }
}

static int add(struct watcher *watcher, const struct value *values) {
  uint64_t id = values[MESSAGE_WATCH_ID].number;
  int file = watcher->count == MAX_WATCHES ? -ENOSPC : open_watch(values);
  if (file < 0) return frame_send(watcher->connection, MESSAGE_WATCH_OVER, id, (uint64_t)-file);
  uint64_t kind = values[MESSAGE_WATCH_KIND].number;
  watcher->watches[watcher->count++] = (struct watch){ .id = id, .kind = kind };
  short events = kind == WATCH_KIND_OUT_OF_MEMORY ? POLLIN : POLLPRI;
  watcher->polled[watcher->count] = (struct pollfd){ .fd = file, .events = events };
  return frame_send(watcher->connection, MESSAGE_WATCHING, id);
}

/* The last one takes the place of the one that goes. */
static int drop(struct watcher *watcher, int index, int error) {
  uint64_t id = watcher->watches[index].id;
  close(watcher->polled[index + 1].fd);
  watcher->count--;
  watcher->watches[index] = watcher->watches[watcher->count];
  watcher->polled[index + 1] = watcher->polled[watcher->count + 1];
  return frame_send(watcher->connection, MESSAGE_WATCH_OVER, id, (uint64_t)error);
}

static int drop_by_id(struct watcher *watcher, uint64_t id) {
  for (int index = 0; index < watcher->count; index++) {
    if (watcher->watches[index].id == id) return drop(watcher, index, 0);
  }
  return 0; /* over already */
}

/* 1 something happened, 0 nothing, or why there is nothing more to watch. */
static int look(const struct watch *watch, const struct pollfd *polled) {
  uint64_t count;
  if (polled->revents == 0) return 0;
  if (polled->revents & POLLNVAL) return -EBADF;
  switch (watch->kind) {
    case WATCH_KIND_PRESSURE:
      if (polled->revents & POLLERR) return -ENODEV; /* its group was removed */
      return (polled->revents & POLLPRI) != 0;
    case WATCH_KIND_EVENTS: {
      int error = read_events(polled->fd);
      return error < 0 ? error : 1;
    }
    default: return read(polled->fd, &count, sizeof count) == sizeof count;
  }
}

static int look_at_all(struct watcher *watcher) {
  int result = 0;
  /* Downwards: what takes the place of one that goes has been looked at. */
  for (int index = watcher->count - 1; index >= 0 && result >= 0; index--) {
    int seen = look(&watcher->watches[index], &watcher->polled[index + 1]);
    if (seen < 0) result = drop(watcher, index, -seen);
    else if (seen > 0) result = frame_send(watcher->connection, MESSAGE_NOTICED, watcher->watches[index].id);
  }
  return result;
}

/* 0 the connection is over, 1 go on. */
static int serve_frame(struct watcher *watcher) {
  struct value values[MAX_VALUES];
  struct frame frame;
  int result = frame_read(watcher->connection, &frame);
  if (result <= 0) return 0;
  const char *signature = wire_message_signature(frame.type);
  int known = frame.type == MESSAGE_WATCH || frame.type == MESSAGE_UNWATCH;
  result = known ? wire_decode(signature, frame.payload, frame.length, values) : -EPROTO;
  if (result >= 0 && frame.type == MESSAGE_WATCH) result = add(watcher, values);
  else if (result >= 0) result = drop_by_id(watcher, values[MESSAGE_UNWATCH_ID].number);
  frame_free(&frame);
  return result >= 0;
}

/* A host that grants fewer has the watch refused that is one too many (EMFILE). */
static void allow_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  rlim_t wanted = MAX_WATCHES + 64;
  limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void watch_serve(int connection, const struct value *first) {
  struct watcher watcher = { .connection = connection };
  allow_descriptors();
  watcher.polled[0] = (struct pollfd){ .fd = connection, .events = POLLIN };
  if (add(&watcher, first) < 0) return;
  for (;;) {
    if (poll(watcher.polled, (nfds_t)watcher.count + 1, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (look_at_all(&watcher) < 0) return;
    if (watcher.polled[0].revents != 0 && !serve_frame(&watcher)) return;
  }
}
