/* Counters of a cgroup: opened by a step, kept and read by the monitor. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "report.h"

struct event {
  uint64_t type, config;
};

/* A group is counted on each CPU by itself (perf_event_open(2)). -ENODEV: that CPU is offline. */
static int open_counter(int group, const struct event *event, int cpu) {
  struct perf_event_attr attributes = {
    .size = sizeof attributes,
    .type = (uint32_t)event->type,
    .config = event->config,
    .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
  };
  int counter = (int)syscall(SYS_perf_event_open, &attributes, group, cpu, -1,
                             PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC);
  return counter < 0 ? -errno : counter;
}

/* The soft limit was lowered for the sake of containers, which this process is not. */
static void allow_open_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_event(struct counters *counters, int group, const struct event *event) {
  for (uint32_t cpu = 0; cpu < counters->cpus; cpu++) {
    int counter = open_counter(group, event, (int)cpu);
    if (counter < 0 && counter != -ENODEV) return counter;
    counters->descriptors[counters->events * counters->cpus + cpu] = counter < 0 ? -1 : counter;
  }
  counters->events++;
  return 0;
}

int step_open_counters(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_OPEN_COUNTERS_PATH].bytes;
  const struct value *list = &values[STEP_OPEN_COUNTERS_EVENTS];
  uint32_t count = list->length / sizeof(struct event);
  long cpus = sysconf(_SC_NPROCESSORS_CONF);
  if (context->launch == NULL || context->launch->counters.events > 0) return report(context, -EINVAL, "open-counters");
  if (count == 0 || count > MAX_COUNTED_EVENTS || list->length % sizeof(struct event) != 0 || cpus < 1)
    return report_number(context, -EINVAL, "events", count);
  cleanup_close int group = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (group < 0) return report(context, -errno, path);
  struct counters *counters = &context->launch->counters;
  counters->cpus = (uint32_t)cpus;
  counters->descriptors = malloc((size_t)count * (size_t)cpus * sizeof(int));
  if (counters->descriptors == NULL) return report(context, -ENOMEM, path);
  allow_open_files();
  for (uint32_t index = 0; index < count; index++) {
    struct event event;
    memcpy(&event, list->bytes + index * sizeof event, sizeof event);
    int result = open_event(counters, group, &event);
    /* The process ends with a failed step, and its descriptors with it. */
    if (result < 0) return report_number(context, result, "event", index);
  }
  return 0;
}

int counters_read(const struct counters *counters, uint32_t event, struct counted *sum) {
  *sum = (struct counted){0};
  for (uint32_t cpu = 0; cpu < counters->cpus; cpu++) {
    struct counted one;
    int descriptor = counters->descriptors[event * counters->cpus + cpu];
    if (descriptor < 0) continue;
    ssize_t length = read(descriptor, &one, sizeof one);
    if (length != sizeof one) return length < 0 ? -errno : -EIO;
    sum->value += one.value;
    sum->enabled_ns += one.enabled_ns;
    sum->running_ns += one.running_ns;
  }
  return 0;
}
