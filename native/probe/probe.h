/* What a container can do, tried from inside: one line a finding, `KIND TAB SUBJECT TAB RESULT`. */
#ifndef ISOPOD_PROBE_H
#define ISOPOD_PROBE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_CALLS 2048

/* A system call that is asked about, with its first argument; the others are 0. */
struct probe_call {
  long number;
  unsigned long argument;
};

static inline const char *error_name(int error) {
  const char *name = strerrorname_np(error);
  return name == NULL ? "unknown" : name;
}

static inline void tell(const char *kind, const char *subject, const char *result) {
  printf("%s\t%s\t%s\n", kind, subject, result);
}

/* "ok" for what worked, else the name of its errno. */
static inline const char *outcome(int result) {
  return result < 0 ? error_name(errno) : "ok";
}

/* Tells of each call whether it reaches the kernel; none of them is made. */
void probe_calls(const struct probe_call *calls, int count);

#endif
