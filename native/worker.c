/* A worker: forked for one connection, it waits for the request that decides what it becomes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "copy/copy.h"
#include "core.h"

#define RETIRE_DEADLINE_MS 5000
#define HOLDER_BYTES 32

static int refuse(int connection, int error, const char *detail) {
  return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)error, detail);
}

static int serve_run(int connection, const struct value *values) {
  const struct value *steps = &values[MESSAGE_RUN_HOST_STEPS];
  struct step_context context;
  uint32_t failed = 0;
  int result = steps_check(steps, STEP_WHERE_HOST);
  if (result < 0) return refuse(connection, -result, "steps");
  step_context_init(&context, NULL);
  context.caller = connection;
  result = steps_run(&context, steps, STEP_WHERE_HOST, &failed);
  step_context_end(&context);
  if (result >= 0) return frame_send(connection, MESSAGE_DONE);
  return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_HOST, (uint64_t)failed, (uint64_t)-result,
                    context.detail);
}

static int await_end(int connection) {
  char ignored[64];
  for (;;) {
    ssize_t got = recv(connection, ignored, sizeof ignored, 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return 0;
  }
}

static int tell_holder(int connection, int file) {
  char holder[HOLDER_BYTES];
  ssize_t got = pread(file, holder, sizeof holder - 1, 0);
  holder[got > 0 ? got : 0] = 0;
  return frame_send(connection, MESSAGE_LOCK_HELD, holder);
}

static int write_holder(int connection, int file) {
  char holder[HOLDER_BYTES];
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -errno;
  int length = snprintf(holder, sizeof holder, "%d", (int)peer.pid);
  if (ftruncate(file, 0) < 0) return -errno;
  return pwrite(file, holder, (size_t)length, 0) == length ? 0 : -EIO;
}

/* The lock belongs to the open file, and nobody but this process has it: it goes when the connection does. */
static int serve_lock(int connection, const struct value *values) {
  const char *path = values[MESSAGE_LOCK_PATH].bytes;
  int file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return refuse(connection, errno, path);
  if (flock(file, LOCK_EX | LOCK_NB) < 0) {
    int error = errno;
    int result = error == EWOULDBLOCK ? tell_holder(connection, file) : refuse(connection, error, path);
    close(file);
    return result;
  }
  int result = write_holder(connection, file);
  if (result < 0) return refuse(connection, -result, path);
  result = frame_send(connection, MESSAGE_LOCKED);
  return result < 0 ? result : await_end(connection);
}

/* Answers once the fork server listens no more: a successor may be started, which waits for the lock itself. */
static int serve_retire(const struct worker *worker) {
  const struct registration request = { .kind = REGISTRATION_RETIRE };
  const struct timespec pause = { .tv_nsec = 1000000 };
  int result = registration_send(worker->registration, &request, "", "");
  uint64_t deadline = clock_us() + RETIRE_DEADLINE_MS * 1000;
  while (result >= 0 && access(worker->socket_path, F_OK) == 0) {
    if (clock_us() > deadline) result = -ETIMEDOUT;
    else nanosleep(&pause, NULL);
  }
  if (result < 0) return refuse(worker->connection, -result, worker->socket_path);
  result = frame_send(worker->connection, MESSAGE_DONE);
  return result < 0 ? result : await_end(worker->connection);
}

/* 1: take the next request; else the worker ends. `values` point into a frame that is kept for a monitor's life. */
static int dispatch(const struct worker *worker, uint8_t type, const struct value *values, int *exit_code) {
  int connection = worker->connection;
  switch (type) {
    case MESSAGE_RUN: return serve_run(connection, values) >= 0;
    case MESSAGE_READ_FILES: return read_serve(connection, values) >= 0;
    case MESSAGE_LIST_FILES: return browse_list(connection, values) >= 0;
    case MESSAGE_READ_FILE: return browse_read(connection, values) >= 0;
    case MESSAGE_MEASURE: return measure_serve(connection, values) >= 0;
    case MESSAGE_PEER: return peer_serve(connection, values) >= 0;
    case MESSAGE_NOTIFY: return notify_serve(connection, values) >= 0;
    case MESSAGE_ENTER_ROOT:
    case MESSAGE_ENTER_WRITTEN: copy_serve(connection, type, values); return 0;
    case MESSAGE_UNPACK: unpack_serve(connection, values); return 0;
    case MESSAGE_LOCK: serve_lock(connection, values); return 0;
    case MESSAGE_RETIRE: serve_retire(worker); return 0;
    case MESSAGE_WATCH: watch_serve(connection, values); return 0;
    case MESSAGE_TRY_PORT: port_serve(connection, values); return 0;
    case MESSAGE_LAUNCH: *exit_code = launch_serve(worker, values, clock_us()); return 0;
    default: refuse(connection, EPROTO, "unexpected message"); return 0;
  }
}

/*
 * Who waits for its first request dies with its fork server, so that the agent's warm connections end and new ones come
 * from the successor. From the request on (a lock, a monitor) it outlives it.
 */
static void follow_fork_server(int follow) {
  prctl(PR_SET_PDEATHSIG, follow ? SIGKILL : 0);
}

int worker_main(const struct worker *worker) {
  int connection = worker->connection, exit_code = 0, more = 1;
  follow_fork_server(1);
  if (frame_send(connection, MESSAGE_HELLO, (uint64_t)PROTOCOL_VERSION, (uint64_t)getpid(),
                 (uint64_t)HELPER_ROLE_WORKER) < 0) {
    return 0;
  }
  while (more) {
    struct value values[MAX_VALUES];
    struct frame frame;
    int result = frame_read(connection, &frame);
    follow_fork_server(0);
    if (result == 0) return 0;
    const char *signature = result == 1 ? wire_message_signature(frame.type) : NULL;
    if (result == 1) result = signature == NULL ? -EPROTO : wire_decode(signature, frame.payload, frame.length, values);
    if (result < 0) {
      refuse(connection, -result, "frame");
      return 0;
    }
    more = dispatch(worker, frame.type, values, &exit_code);
    frame_free(&frame);
  }
  return exit_code;
}
