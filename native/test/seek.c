/*
 * seek TEXT: an attacker with CAP_SYS_PTRACE. Looks through the memory of every process but itself for a text, again and again, and
 * tells of each round what it has read: `clean PID` or `found PID`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PID 100
#define REST_US 20000
#define MOST_BYTES (64UL << 20)

static int holds(int memory, unsigned long from, unsigned long to, const char *text) {
  size_t size = to - from;
  char *copy = size <= MOST_BYTES ? malloc(size) : NULL;
  ssize_t got = copy == NULL ? -1 : pread(memory, copy, size, (off_t)from);
  int found = got > 0 && memmem(copy, (size_t)got, text, strlen(text)) != NULL;
  free(copy);
  return found;
}

/* -1 where its memory cannot be read. */
static int look_at(int pid, const char *text) {
  char path[64], line[512];
  unsigned long from, to;
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  int memory = open(path, O_RDONLY | O_CLOEXEC), found = 0, read_any = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = memory < 0 ? NULL : fopen(path, "re");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx r", &from, &to) != 2) continue;
    read_any = 1;
    found |= holds(memory, from, to, text);
  }
  if (maps != NULL) fclose(maps);
  if (memory >= 0) close(memory);
  return read_any ? found : -1;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (;;) {
    for (int pid = 1; pid <= MAX_PID; pid++) {
      int found = pid == getpid() ? -1 : look_at(pid, argv[1]);
      if (found >= 0) printf("%s %d\n", found ? "found" : "clean", pid);
    }
    usleep(REST_US);
  }
}
