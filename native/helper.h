/*
 * What the parts of the helper share. Functions return 0 or a positive result, or a negative errno; none prints.
 * After the fork of a worker nothing is policy: a plan came, its steps are executed.
 */
#ifndef ISOPOD_HELPER_H
#define ISOPOD_HELPER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gen/wire.h"

#define DETAIL_BYTES 256
#define MAX_VALUES 24
#define MAX_GROUPS 256
#define LATE_RECURSIVE (UINT64_C(1) << 63)

/* One decoded value; which member counts is told by the signature. Memory belongs to the frame it came in. */
struct value {
  uint64_t number;            /* u */
  const char *bytes;          /* s (NUL-terminated) and b; S: the first string's length field; L: the first step */
  uint32_t length;            /* s and b: bytes without the NUL; S and L: bytes of all items */
  uint32_t count;             /* S and L: items */
};

struct frame {
  uint8_t type;
  uint32_t length;
  unsigned char *payload;
};

/* wire.c: decoding checks every bound and the NUL of every string, and returns -EBADMSG else. */
int wire_decode(const char *signature, const unsigned char *bytes, uint32_t length, struct value *values);
const char *wire_message_signature(uint8_t type);          /* NULL for an unknown one */
/* Walks a string list: returns the next string and advances, NULL at the end. */
struct string_cursor { const char *at; uint32_t left; };
struct string_cursor string_cursor(const struct value *list);
const char *string_next(struct string_cursor *cursor);

/* frame.c: blocking, whole frames, EINTR-safe; -EPIPE or -ECONNRESET when the peer is gone, -EMSGSIZE over the bound. */
int frame_read(int socket, struct frame *frame);           /* 1 a frame, 0 end of file; payload is malloc'ed */
void frame_free(struct frame *frame);
int frame_write(int socket, uint8_t type, const void *payload, uint32_t length);
/* Payload built from the signature of the message: u as uint64_t, s as const char *, b as (const void *, uint32_t). */
int frame_send(int socket, uint8_t type, ...);

/* The credentials slot. */
struct credentials {
  uid_t uid;
  gid_t gid;
  gid_t groups[MAX_GROUPS];
  int group_count;
  char home[256];
};

/* process.c. Field 22 of /proc/PID/stat: ticks after boot at which the process began. -ESRCH when there is none. */
int process_start_time(pid_t pid, uint64_t *start_time);
int process_pidfd(pid_t pid);
/* A pidfd of the process that has this pid and start time: -ESRCH when another one has it by now. */
int process_open(pid_t pid, uint64_t start_time);
/* The pid, as we know it, of the process that a pidfd is of; -ESRCH once that is gone. */
pid_t process_of_pidfd(int pidfd);
/* An empty session keyring: the keys of whoever started the agent are not for containers. */
int process_leave_keyring(void);

struct launch;

/* Namespaces that a child is to be born into, and that enter-namespaces has only looked up, or entered for children alone. */
struct birth {
  int flags;                       /* CLONE_NEW* */
  int process;                     /* pidfd of who lives in them, or -1 */
};

/* What steps work on: one per process that executes steps. */
struct step_context {
  int slots[FD_SLOTS];             /* -1 when empty; close-on-exec */
  uint64_t late_attributes[FD_SLOTS]; /* MOUNT_ATTR_* (and LATE_RECURSIVE) to set once attached, where mount_setattr(2) is missing */
  int root;                        /* the future root after attach-root, or -1 */
  int top;                         /* O_PATH of `/` once one is needed and there is no future root, or -1 */
  int null_node;                   /* O_PATH of the container's own /dev/null once one is needed, or -1 */
  int mask_directory;              /* the first empty read-only tmpfs used as a mask, or -1 */
  int home_namespaces[4];          /* ipc, net, uts and pid of our own while those of another process are entered, or -1 */
  struct birth birth;
  int user_namespace;              /* the container's, once its maps are written or it is to be born into it, or -1 */
  pid_t host_pid;                  /* in a child, once noted: what the host knows it as */
  struct credentials credentials;
  struct launch *launch;           /* NULL in a worker's `run` */
  int caller;                      /* in a worker's `run` its connection, or -1 */
  char detail[DETAIL_BYTES];       /* what the failing step was about */
};

/* Every step function of STEP_TABLE has this type. */
typedef int step_function(struct step_context *context, const struct value *values);
#define DECLARE_STEP(name, code, where, signature, function) step_function function;
STEP_TABLE(DECLARE_STEP)
#undef DECLARE_STEP

void step_context_init(struct step_context *context, struct launch *launch);
/* Closes what host steps have opened, and makes files ours again. */
void step_context_end(struct step_context *context);
/* steps/namespaces.c: leaves what enter-namespaces has entered; nothing to do is fine. */
int namespaces_return(struct step_context *context);
void step_detail(struct step_context *context, const char *text);
/* The connection of whoever waits for the steps, or -1. */
int step_caller(const struct step_context *context);
/* Whether nobody waits for them any more. */
int step_is_given_up(const struct step_context *context);
/*
 * steps.c: decodes and runs a list (a value of kind L); `where` is a bit of STEP_WHERE_*, a step that does not belong there is -EINVAL.
 * On failure *failed is its index. `check` only decodes all, for use before anything is done.
 */
int steps_check(const struct value *list, int where);
int steps_run(struct step_context *context, const struct value *list, int where, uint32_t *failed);

/* Between monitor and child: a seqpacket socketpair, close-on-exec, so its end of file in the monitor means exec. */
enum sync_kind {
  SYNC_CLONED = 1,      /* child → monitor, session only: pid is the process to reap */
  SYNC_PREPARED = 2,    /* child → monitor */
  SYNC_FAILED = 3,      /* child → monitor: phase, step, error, detail */
  SYNC_TERMINAL = 4,    /* child → monitor: the pty master by SCM_RIGHTS */
  SYNC_HOST_DONE = 5,   /* monitor → child: slots by SCM_RIGHTS, their numbers in `slots` */
  SYNC_START = 6,       /* monitor → child */
  SYNC_MOUNTED = 7,     /* child → monitor: all is mounted, and it waits for the hooks */
  SYNC_HOOKS_DONE = 8   /* monitor → child */
};

struct sync_message {
  uint32_t kind;
  uint32_t phase;
  uint32_t step;
  int32_t error;                   /* positive errno */
  int32_t pid;
  uint32_t slot_count;
  uint8_t slots[FD_SLOTS];
  char detail[DETAIL_BYTES];
};

/* sync.c; descriptors may be NULL. sync_receive returns 1 a message, 0 end of file. */
int sync_send(int socket, const struct sync_message *message, const int *descriptors, int count);
int sync_receive(int socket, struct sync_message *message, int *descriptors, int *count);

/* Milestones of a launch; names are string literals. */
#define MAX_TIMINGS 32
struct timings {
  uint32_t count;
  const char *names[MAX_TIMINGS];
  uint32_t microseconds[MAX_TIMINGS];
};

/* steps/counters.c: what the step open-counters has opened, for the monitor to read: a descriptor for each event and CPU. */
#define MAX_COUNTED_EVENTS 16
struct counters {
  int *descriptors;                /* events by CPUs; -1 for a CPU that was offline */
  uint32_t events, cpus;
};
/* As read(2) gives it (perf_event_open(2)). */
struct counted { uint64_t value, enabled_ns, running_ns; };
/* The sum over all CPUs. */
int counters_read(const struct counters *counters, uint32_t event, struct counted *sum);

/* A launch, from decode to end; the monitor's whole state hangs on it. Filled by launch.c. */
struct launch {
  const struct value *values;      /* positions MESSAGE_LAUNCH_* */
  int control;                     /* the agent's connection, or -1 once it is gone */
  int sync;                        /* our end of the socketpair with the child */
  int start_requested;             /* `start` arrived already */
  int handed_over;                 /* the child has got what host steps have made, before the last of them */
  struct sync_message failure;     /* what the child said while host steps waited for it; kind 0 nothing */
  pid_t child;                     /* the process to reap */
  int *command_end;                /* shared with the child where it is a reaper, which writes how its command ended; else NULL */
  uint64_t start_time;
  int child_pidfd;
  int mount_namespace;             /* the child's, held so that its teardown comes after the answer, not before; or -1 */
  int stdin_write, stdout_read, stderr_read;   /* our ends, non-blocking, -1 when absent; terminal: stdout_read is the master */
  int child_stdio[3];              /* the child's ends, closed in the monitor after clone */
  int tracking_kill;               /* cgroup.kill of the tracking group, or -1 */
  int state_directory, log_directory;          /* directory descriptors, or -1 */
  int listener;                    /* on socketPath, or -1 */
  int fork_server;                 /* pipe to the fork server: registration */
  struct counters counters;        /* of the container's group; none without the step */
  uint64_t received_us;            /* CLOCK_MONOTONIC when the launch frame was read */
  struct timings timings;
};

/*
 * monitor/monitor.c: from the moment the host steps are done. Serves control, listener, sync, stdio and the pidfd in one loop;
 * returns the exit code of the monitor process once everything is served. `monitor_listen` makes the listener and opens the
 * directories; it is called beside the child, before `cloned` is sent.
 */
int monitor_listen(struct launch *launch);
int monitor_run(struct launch *launch);

/* worker.c's jobs that live elsewhere: unpack/unpack.c reads raw tar bytes from the socket and answers on it. */
int unpack_serve(int socket, const struct value *values);

/*
 * timing.c: milestones of a launch, in microseconds since received_us; what exceeds MAX_TIMINGS is left out.
 * `timing_encode` writes the payload of `timings` and returns its length, 0 when the capacity is too small for it
 * (TIMINGS_BYTES always is enough); the monitor sends it right before `started`.
 */
#define TIMINGS_BYTES (8 + MAX_TIMINGS * (4 + 32 + 4))
void timing_mark(struct launch *launch, const char *name);
uint32_t timing_encode(const struct launch *launch, unsigned char *bytes, size_t capacity);

#endif
