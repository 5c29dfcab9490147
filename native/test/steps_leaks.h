/* For tests of steps: what a process holds, to be compared before and after a step that failed. */
#ifndef ISOPOD_STEPS_LEAKS_H
#define ISOPOD_STEPS_LEAKS_H

#include <stdint.h>
#include <sys/types.h>

struct held {
  int descriptors, mounts, children;
};
struct held held_now(void);
/* Ends the test unless the process holds what it held then. */
void check_held(const char *file, int line, const struct held *before);
#define CHECK_HELD(before) check_held(__FILE__, __LINE__, &(before))
/* Runs a step that has to be refused with `error`, say `text`, and leave nothing behind. */
#define REFUSES(error, text, ...) \
  do { \
    struct held before_ = held_now(); \
    context.detail[0] = '\0'; \
    CHECK_IS(STEP(__VA_ARGS__), -(error)); \
    DETAIL_HAS(text); \
    CHECK_HELD(before_); \
  } while (0)

/* Another process, in new namespaces of these kinds, that has called `prepare` (or nothing) and waits. It ends with us. */
struct other {
  pid_t pid;
  uint64_t start_time;
};
struct other other_start(unsigned long flags, void (*prepare)(void));
void other_end(const struct other *other);
/* Whether two processes (0 is this one) are in the same namespace; `kind` is a name below /proc/PID/ns. */
int is_shared(pid_t one, pid_t two, const char *kind);

/* Takes capabilities (a bit each) from the effective set, or gives all that are permitted back with 0. */
void without_capabilities(uint64_t capabilities);

#endif
