/*
 * Tracking without groups: a subreaper has every process of its tree as a child sooner or later, for whoever loses its parent
 * comes to it (PR_SET_CHILD_SUBREAPER, prctl(2)).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core.h"

#define CHUNK_BYTES 4096

int tree_track(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0; }

/* A pid may be cut in two by the end of a chunk: what is left of it goes in front of the next. */
static int visit_chunk(char *text, size_t length, tree_visitor *visitor, void *state) {
  size_t whole = length;
  while (whole > 0 && text[whole - 1] != ' ') whole--;
  char rest = text[whole];
  text[whole] = 0;
  for (char *at = text, *end; (long)strtol(at, &end, 10) > 0 && end != at; at = end) {
    visitor(state, (pid_t)strtol(at, NULL, 10));
  }
  text[whole] = rest;
  return (int)whole;
}

int tree_visit(tree_visitor *visitor, void *state) {
  char text[CHUNK_BYTES + 1];
  size_t kept = 0;
  /* The children of this thread, which is the only one (proc(5), CONFIG_PROC_CHILDREN). */
  int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  for (;;) {
    ssize_t got = read(file, text + kept, CHUNK_BYTES - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size_t length = kept + (size_t)got;
    size_t whole = (size_t)visit_chunk(text, length, visitor, state);
    kept = length - whole;
    for (size_t i = 0; i < kept; i++) text[i] = text[whole + i];
  }
  close(file);
  return 0;
}

static void kill_one(void *state, pid_t pid) {
  (void)state;
  kill(pid, SIGKILL);
}

/* Only children: nobody else's pid is certain to be still theirs. What they leave behind becomes a child in turn. */
int tree_kill(void) { return tree_visit(kill_one, NULL); }
