/* The new process, from clone to exec. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core.h"

#define SYNC_DESCRIPTOR 3
#define EXIT_FAILED 127

struct child_state {
  int target;                      /* session: pidfd of the process to enter, -1 once entered */
  int appearing;                   /* session: the pid namespace does not see it yet */
  int told[2];                     /* meanwhile: a pipe, whose end says to the forked process that it is known */
  int master;                      /* of a terminal that is to be taken yet, else -1 */
  int stdio_due;                   /* the terminal is to be opened, or the pipes to be settled */
  uint32_t phase;                  /* what a failure before the present step belongs to */
};

/* Keeps the standard streams and the sync socket; the agent's connection and all else of the monitor goes at once. */
static int plumb(struct launch *launch, int sync) {
  for (int stream = 0; stream < 3; stream++) {
    /* 0 is /dev/null in every helper process, and the only thing at hand for a stream that has no pipe. */
    int source = launch->child_stdio[stream] >= 0 ? launch->child_stdio[stream] : 0;
    if (source != stream && dup2(source, stream) < 0) return -errno;
  }
  if (sync != SYNC_DESCRIPTOR && dup3(sync, SYNC_DESCRIPTOR, O_CLOEXEC) < 0) return -errno;
  process_close_from(SYNC_DESCRIPTOR + 1);
  launch->sync = SYNC_DESCRIPTOR;
  launch->control = launch->listener = launch->fork_server = launch->child_pidfd = launch->tracking_kill = -1;
  launch->stdin_write = launch->stdout_read = launch->stderr_read = -1;
  launch->state_directory = launch->log_directory = -1;
  return setsid() < 0 ? -errno : 0;
}

static _Noreturn void fail(struct launch *launch, struct sync_message *message, int error) {
  message->kind = SYNC_FAILED;
  message->error = error;
  sync_send(launch->sync, message, NULL, 0);
  _exit(EXIT_FAILED);
}

/* The steps that come after all mounting and before the loss of the rights that this needs. */
static int wants_stdio(uint16_t code) {
  return code == STEP_SET_WORKDIR || code == STEP_APPLY_CREDENTIALS || code == STEP_NO_NEW_PRIVILEGES ||
         code == STEP_AWAIT_START || code == STEP_EXEC;
}

static int open_stdio(struct step_walk *walk) {
  const struct launch *launch = walk->context->launch;
  int own_root = steps_contain(walk->list, STEP_PIVOT_ROOT);
  walk->context->detail[0] = 0;
  if (launch->values[MESSAGE_LAUNCH_STDIO].number == STDIO_PIPES) {
    step_detail(walk->context, "stdio");
    return stdio_settle(launch, walk->context->credentials.uid);
  }
  struct child_state *state = walk->state;
  state->master = terminal_open(walk->context,
                                own_root && launch->values[MESSAGE_LAUNCH_KIND].number == LAUNCH_KIND_CONTAINER);
  return state->master < 0 ? state->master : 0;
}

static int take_terminal(struct step_walk *walk) {
  struct child_state *state = walk->state;
  int master = state->master;
  state->master = -1;
  return master < 0 ? 0 : terminal_take(walk->context, master);
}

static int enter(struct step_walk *walk) {
  struct child_state *state = walk->state;
  int result = session_enter(walk->context, state->target, state->told);
  state->target = -1;
  state->appearing = 1;
  return result;
}

/* As late as can be: the host steps need its pid, so before the first time that it waits for anybody. */
static int appear(struct step_walk *walk) {
  struct child_state *state = walk->state;
  if (!state->appearing || !session_appears_at(walk->code)) return 0;
  state->phase = FAILURE_PHASE_CLONE;
  state->appearing = 0;
  session_forget(walk->context->launch);
  return session_appear(walk->context, state->told);
}

static int before_step(struct step_walk *walk) {
  struct child_state *state = walk->state;
  int result = 0;
  if (state->target >= 0 && walk->code != STEP_JOIN_CGROUP) {
    state->phase = FAILURE_PHASE_CLONE;
    result = enter(walk);
  }
  if (result >= 0) result = appear(walk);
  if (result >= 0) state->phase = FAILURE_PHASE_CHILD;
  if (result >= 0 && state->stdio_due && wants_stdio(walk->code)) {
    state->stdio_due = 0;
    result = open_stdio(walk);
  }
  /* The controlling terminal is that of a session, which the forked process has anew. */
  if (result >= 0 && !state->appearing) result = take_terminal(walk);
  if (result >= 0 && walk->code == STEP_EXEC) state->phase = FAILURE_PHASE_EXEC;
  return result;
}

static int begin(struct launch *launch, struct child_state *state, int sync, int must_join) {
  process_restore_signals();
  process_set_title("init", "");
  /* Until exec a process of the container could read the helper's memory and descriptors through /proc. */
  if (prctl(PR_SET_DUMPABLE, 0) < 0) return -errno;
  int result = plumb(launch, sync);
  if (result == 0) result = process_leave_keyring();
  if (result < 0) return result;
  state->stdio_due = 1;
  state->target = state->master = -1;
  if (launch->values[MESSAGE_LAUNCH_KIND].number == LAUNCH_KIND_SESSION) {
    state->target = session_open(launch);
    if (state->target < 0) return state->target;
  }
  return must_join ? group_join(launch->values[MESSAGE_LAUNCH_TRACKING_CGROUP].bytes) : 0;
}

_Noreturn void child_main(struct launch *launch, int sync, int must_join) {
  struct sync_message message = { .phase = FAILURE_PHASE_CLONE };
  struct child_state state = { .phase = FAILURE_PHASE_CLONE };
  struct step_context context;
  launch->sync = sync;
  int result = begin(launch, &state, sync, must_join);
  if (result < 0) fail(launch, &message, -result);
  step_context_init(&context, launch);
  struct step_walk walk = {
    .context = &context, .list = &launch->values[MESSAGE_LAUNCH_CHILD_STEPS], .where = STEP_WHERE_CHILD,
    .before = before_step, .state = &state,
  };
  result = steps_walk(&walk);
  message.phase = state.phase;
  message.step = walk.index;
  memcpy(message.detail, context.detail, sizeof message.detail);
  fail(launch, &message, result < 0 ? -result : ENOEXEC);
}
