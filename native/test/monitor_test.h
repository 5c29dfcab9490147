/* The monitor alone, around a child of the test's own: no fork server, no steps. One test at a time. */
#ifndef ISOPOD_MONITOR_TEST_H
#define ISOPOD_MONITOR_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "../core.h"

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit(1); \
    } \
  } while (0)

#define OWNER_TICKET "owner-ticket-0123456789"
#define CONTROL_TICKET "control-ticket-0123456789"

struct setting {
  const char *script;              /* for /bin/sh -c; NULL: the child fails before the barrier */
  int terminal, stdin_open, owned, session, tree;
  int log_format;
  uint64_t log_max_bytes, log_max_files;
};

struct fixture {
  char directory[64], socket[96];
  int control;
  pid_t monitor;
};

/* Forks a monitor; its control connection is ours. */
struct fixture begin(const struct setting *setting);
/* Removes the directory; the monitor has to end by itself within 10 s, returns its exit code. */
int finish(struct fixture *fixture);
/* begin, then start, up to and including `started`. */
struct fixture begin_started(const struct setting *setting);

/* The end of a process without an owner: this status, then our release. */
void expect_exit(struct fixture *fixture, int status);

/* The next frame has to be of this type. */
struct frame expect(int socket, uint8_t type);
void expect_only(int socket, uint8_t type);
void expect_end(int socket);
uint64_t number_in(const struct frame *frame, int position);
/* Connects and reads `hello`. */
int connect_only(const struct fixture *fixture);
/* The same, then sends `attach`. */
int attach(const struct fixture *fixture, const char *ticket, int role, int stdin_wanted);
/* attach that is accepted. */
int attached(const struct fixture *fixture, const char *ticket, int role, int stdin_wanted);
void grant(const struct fixture *fixture, const char *ticket, int role);
void send_stdin(int socket, const char *text);
/* Collects stdout until `exited`, which is returned; `gaps` may be NULL. The caller frees *text. */
struct frame collect_output(int socket, char **text, size_t *length, uint64_t *gaps);
/* Reads until the text was seen in stdout frames. */
void expect_output(int socket, const char *text);
/* A file below the fixture's directory, NUL-terminated; the caller frees it. NULL when it is missing. */
char *content(const struct fixture *fixture, const char *name, size_t *length);
uint64_t monotonic_ms(void);

#endif
