/*
 * The yardstick of the launch benchmark: the same steps as a launch through the agent, one after the other in one
 * program, with no agent, no monitor and no overlap.
 *
 *   bare LAUNCH CLEANUP COUNT PAUSE_MS
 *
 * LAUNCH and CLEANUP are payloads of the messages `launch` and `run`. Prints, for each launch, the microseconds to the
 * reaped exit status, the microseconds with cleanup, and the microseconds of processor that all took.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../helper.h"

/* In one program nobody waits for anybody. */
int step_await_host(struct step_context *context, const struct value *values)
{
  (void)context;
  (void)values;
  return 0;
}

/* The benchmark's containers have no hooks: a plan that waits for some is not what is compared. */
int step_await_hooks(struct step_context *context, const struct value *values)
{
  (void)context;
  (void)values;
  return -ENOTSUP;
}

int step_await_start(struct step_context *context, const struct value *values)
{
  (void)context;
  (void)values;
  return 0;
}

/* The benchmark's commands are absolute paths, so no search is needed. */
int step_exec(struct step_context *context, const struct value *values)
{
  (void)context;
  const char *arguments[64] = { NULL };
  const char *environment[64] = { NULL };
  struct string_cursor cursor = string_cursor(&values[STEP_EXEC_ARGUMENTS]);
  for (int i = 0; i < 63 && (arguments[i] = string_next(&cursor)) != NULL; i++) {
  }
  cursor = string_cursor(&values[STEP_EXEC_ENVIRONMENT]);
  for (int i = 0; i < 63 && (environment[i] = string_next(&cursor)) != NULL; i++) {
  }
  execve(arguments[0], (char *const *)arguments, (char *const *)environment);
  return -errno;
}

static uint64_t now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t cpu_us(void)
{
  uint64_t all = 0;
  const int whose[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
  for (int i = 0; i < 2; i++) {
    struct rusage used;
    getrusage(whose[i], &used);
    all += (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000;
    all += (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  }
  return all;
}

static void die(const char *what, int error, const struct step_context *context)
{
  fprintf(stderr, "bare: %s: %s%s%s\n", what, strerror(error), context ? ": " : "", context ? context->detail : "");
  exit(1);
}

static unsigned char *read_file(const char *path, uint32_t *length)
{
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) < 0)
    die(path, errno, NULL);
  unsigned char *bytes = malloc((size_t)status.st_size);
  if (bytes == NULL || read(file, bytes, (size_t)status.st_size) != status.st_size)
    die(path, errno, NULL);
  close(file);
  *length = (uint32_t)status.st_size;
  return bytes;
}

static void make_directories(const char *path)
{
  char part[4096];
  for (size_t i = 1; path[i - 1] != '\0' && i < sizeof part; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, 0755) < 0 && errno != EEXIST)
      die(part, errno, NULL);
  }
}

static pid_t clone_into(const struct value *launch, int tracking)
{
  struct clone_args arguments = {
    .flags = launch[MESSAGE_LAUNCH_CLONE_FLAGS].number | CLONE_INTO_CGROUP,
    .exit_signal = SIGCHLD,
    .cgroup = (uint64_t)tracking,
  };
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static void run_child(struct step_context *context, const struct value *launch, int output)
{
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, 0);
  dup2(output, 1);
  dup2(output, 2);
  setsid();
  uint32_t failed = 0;
  int result = steps_run(context, &launch[MESSAGE_LAUNCH_CHILD_STEPS], STEP_WHERE_CHILD, &failed);
  dprintf(2, "bare: child step %u: %s: %s\n", failed, strerror(-result), context->detail);
  _exit(125);
}

static void copy_output(int from, int log)
{
  char buffer[65536];
  ssize_t got;
  while ((got = read(from, buffer, sizeof buffer)) > 0)
    if (write(log, buffer, (size_t)got) != got)
      die("log", errno, NULL);
}

static void write_status(const char *directory, int status)
{
  char temporary[4200], final[4200], text[64];
  snprintf(temporary, sizeof temporary, "%s/.status", directory);
  snprintf(final, sizeof final, "%s/status", directory);
  int length = snprintf(text, sizeof text, "exited %d 0 1\n", status);
  int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, text, (size_t)length) != length || close(file) < 0 || rename(temporary, final) < 0)
    die(final, errno, NULL);
}

static void launch_once(const struct value *launch)
{
  static struct step_context context;
  step_context_init(&context, NULL);
  make_directories(launch[MESSAGE_LAUNCH_TRACKING_CGROUP].bytes);
  make_directories(launch[MESSAGE_LAUNCH_STATE_DIRECTORY].bytes);
  make_directories(launch[MESSAGE_LAUNCH_LOG_DIRECTORY].bytes);
  uint32_t failed = 0;
  int result = steps_run(&context, &launch[MESSAGE_LAUNCH_HOST_STEPS], STEP_WHERE_HOST, &failed);
  if (result < 0)
    die("host step", -result, &context);
  int tracking = open(launch[MESSAGE_LAUNCH_TRACKING_CGROUP].bytes, O_PATH | O_CLOEXEC);
  int output[2];
  char log_path[4200];
  snprintf(log_path, sizeof log_path, "%s/container.log", launch[MESSAGE_LAUNCH_LOG_DIRECTORY].bytes);
  int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (tracking < 0 || log < 0 || pipe2(output, O_CLOEXEC) < 0)
    die("descriptors", errno, NULL);
  pid_t child = clone_into(launch, tracking);
  if (child < 0)
    die("clone3", errno, NULL);
  if (child == 0)
    run_child(&context, launch, output[1]);
  close(output[1]);
  copy_output(output[0], log);
  int status;
  waitpid(child, &status, 0);
  write_status(launch[MESSAGE_LAUNCH_STATE_DIRECTORY].bytes, status);
  close(output[0]);
  close(log);
  close(tracking);
  for (int slot = 0; slot < FD_SLOTS; slot++)
    if (context.slots[slot] >= 0)
      close(context.slots[slot]);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    die("the command's status", status, NULL);
}

int main(int count, char **arguments)
{
  if (count != 5) {
    fprintf(stderr, "usage: bare LAUNCH CLEANUP COUNT PAUSE_MS\n");
    return 2;
  }
  uint32_t launch_length, cleanup_length;
  unsigned char *launch_bytes = read_file(arguments[1], &launch_length);
  unsigned char *cleanup_bytes = read_file(arguments[2], &cleanup_length);
  struct value launch[MAX_VALUES], cleanup[MAX_VALUES];
  if (wire_decode(wire_message_signature(MESSAGE_LAUNCH), launch_bytes, launch_length, launch) < 0 ||
      wire_decode(wire_message_signature(MESSAGE_RUN), cleanup_bytes, cleanup_length, cleanup) < 0)
    die("payload", EBADMSG, NULL);
  for (int i = 0; i < atoi(arguments[3]); i++) {
    static struct step_context context;
    uint64_t start = now_us(), cpu = cpu_us();
    launch_once(launch);
    uint64_t reaped = now_us();
    step_context_init(&context, NULL);
    uint32_t failed = 0;
    int result = steps_run(&context, &cleanup[0], STEP_WHERE_HOST, &failed);
    if (result < 0)
      die("cleanup", -result, &context);
    printf("%llu %llu %llu\n", (unsigned long long)(reaped - start), (unsigned long long)(now_us() - start),
           (unsigned long long)(cpu_us() - cpu));
    fflush(stdout);
    usleep((useconds_t)atoi(arguments[4]) * 1000);
  }
  return 0;
}
