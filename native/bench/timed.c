/*
 * Times a command as a whole, without the cost of forking a large process.
 *
 *   timed COUNT PAUSE_MS COMMAND [ARGUMENT…]
 *
 * `{}` in an argument becomes a number that differs in each run. Prints of each run microseconds, exit code, and the
 * microseconds of processor that it and its children took.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t cpu_us(const struct rusage *used)
{
  uint64_t seconds = (uint64_t)(used->ru_utime.tv_sec + used->ru_stime.tv_sec);
  return seconds * 1000000 + (uint64_t)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);
}

static const char *numbered(const char *argument, int run)
{
  const char *braces = strstr(argument, "{}");
  if (braces == NULL)
    return argument;
  char *text = NULL;
  if (asprintf(&text, "%.*s%d-%d%s", (int)(braces - argument), argument, (int)getpid(), run, braces + 2) < 0)
    exit(1);
  return text;
}

int main(int count, char **arguments)
{
  if (count < 4 || count > 200) {
    fprintf(stderr, "usage: timed COUNT PAUSE_MS COMMAND [ARGUMENT...]\n");
    return 2;
  }
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  for (int run = 0; run < atoi(arguments[1]); run++) {
    const char *command[200] = { NULL };
    for (int i = 3; i < count; i++)
      command[i - 3] = numbered(arguments[i], run);
    pid_t child;
    int status;
    uint64_t start = now_us();
    if (posix_spawnp(&child, command[0], &quiet, NULL, (char *const *)command, environ) != 0)
      return 127;
    struct rusage used;
    wait4(child, &status, 0, &used);
    printf("%llu %d %llu\n", (unsigned long long)(now_us() - start), WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           (unsigned long long)cpu_us(&used));
    fflush(stdout);
    usleep((useconds_t)atoi(arguments[2]) * 1000);
  }
  return 0;
}
