/*
 * catch MARKER [tight]: an attacker in a pid namespace that others enter. Looks at every process but itself for a way into
 * it, again and again, and prints each way once: `WAY PID CAPABILITIES`. Between two rounds it rests and says so, unless it
 * is to race.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PID 400
#define REST_US 50000
enum way { ROOT, PROGRAM, DESCRIPTOR, MEMORY, TRACE, WAYS };
static const char *const NAMES[WAYS] = { "root", "exe", "fd", "mem", "trace" };
static unsigned char seen[MAX_PID + 1][WAYS];

static void capabilities_of(int pid, char *text, size_t size) {
  char path[64], content[4096];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, content, sizeof content - 1);
  if (file >= 0) close(file);
  content[length < 0 ? 0 : length] = 0;
  const char *line = strstr(content, "CapEff:\t");
  snprintf(text, size, "%.16s", line == NULL ? "gone" : line + 8);
}

static void tell(int pid, enum way way) {
  char capabilities[17];
  if (seen[pid][way]) return;
  seen[pid][way] = 1;
  capabilities_of(pid, capabilities, sizeof capabilities);
  printf("%s %d %s\n", NAMES[way], pid, capabilities);
}

/* Whether a name in /proc/PID opens. With a marker the root counts only where that file of the host is found. */
static int opens(int pid, const char *name, int flags) {
  char path[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int file = open(path, flags | O_CLOEXEC);
  if (file >= 0) close(file);
  return file >= 0;
}

static int can_trace(int pid) {
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) return 0;
  int status;
  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  waitpid(pid, &status, __WALL);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return 1;
}

static void look_at(int pid, const char *marker) {
  char root[4000];
  snprintf(root, sizeof root, "root/%s", marker);
  if (opens(pid, root, O_RDONLY)) tell(pid, ROOT);
  if (opens(pid, "exe", O_RDONLY)) tell(pid, PROGRAM);
  if (opens(pid, "fd/3", O_PATH)) tell(pid, DESCRIPTOR);
  if (opens(pid, "mem", O_RDWR)) tell(pid, MEMORY);
  if (!seen[pid][TRACE] && can_trace(pid)) tell(pid, TRACE);
}

int main(int argc, char **argv) {
  int races = argc > 2 && strcmp(argv[2], "tight") == 0;
  if (argc < 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  for (;;) {
    char path[32];
    struct stat status;
    for (int pid = 1; pid <= MAX_PID; pid++) {
      snprintf(path, sizeof path, "/proc/%d", pid);
      if (pid != getpid() && stat(path, &status) == 0) look_at(pid, argv[1]);
    }
    if (races) continue;
    printf("round\n");
    usleep(REST_US);
  }
}
