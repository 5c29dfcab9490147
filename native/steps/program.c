/* A program of the administrator's that runs beside a launch: it is told of the container on its input, and has a deadline. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core.h"
#include "descriptors.h"
#include "report.h"

/* Where exec's errno is told; closed by exec. */
#define ERROR_DESCRIPTOR 3
#define EXEC_FAILED 127
/* How often is looked where the kernel has no pidfd. */
#define LOOK_MS 20
/* What a failure can tell of the last words. */
#define LAST_WORDS 160

struct program {
  const struct value *values;
  pid_t pid;
  int input;
  int output[2], errors[2];
  char words[LAST_WORDS + 1];
  size_t length;
};

int step_note_host_pid(struct step_context *context, const struct value *values) {
  (void)values;
  char text[32];
  /* The link is made for who reads it, in the pid namespace of the procfs: before pivot-root that is the host's. */
  ssize_t length = readlink("/proc/self", text, sizeof text - 1);
  if (length < 0)
    return report(context, -errno, "/proc/self");
  text[length] = 0;
  context->host_pid = (pid_t)strtol(text, NULL, 10);
  return context->host_pid > 0 ? 0 : report(context, -ESRCH, "/proc/self");
}

/* The document on its input: what stands before the pid, the pid, what stands after it. Without the latter there is no pid in it. */
static int open_input(const struct step_context *context, const struct value *values) {
  const struct value *before = &values[STEP_RUN_PROGRAM_BEFORE], *after = &values[STEP_RUN_PROGRAM_AFTER];
  pid_t pid = context->host_pid > 0 ? context->host_pid : context->launch != NULL ? context->launch->child : 0;
  cleanup_close int file = memfd_create("state", MFD_CLOEXEC);
  if (file < 0 || dprintf(file, "%.*s", (int)before->length, before->bytes) < 0)
    return -errno;
  if (after->length > 0 && dprintf(file, "%d%.*s", (int)pid, (int)after->length, after->bytes) < 0)
    return -errno;
  return lseek(file, 0, SEEK_SET) < 0 ? -errno : descriptor_keep(&file);
}

static char **list_of(const struct value *list) {
  char **words = calloc((size_t)list->count + 1, sizeof *words);
  struct string_cursor cursor = string_cursor(list);
  for (uint32_t index = 0; words != NULL && index < list->count; index++)
    words[index] = (char *)(uintptr_t)string_next(&cursor);
  return words;
}

/* A group of its own, so that it can be ended with what it starts; it does not outlive us. */
static _Noreturn void become(const struct program *program) {
  const struct value *values = program->values;
  process_restore_signals();
  if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && chdir("/") == 0 && dup2(program->input, 0) == 0 &&
      dup2(program->output[1], 1) == 1 && dup2(program->output[1], 2) == 2 &&
      (program->errors[1] == ERROR_DESCRIPTOR || dup3(program->errors[1], ERROR_DESCRIPTOR, O_CLOEXEC) >= 0)) {
    process_close_from(ERROR_DESCRIPTOR + 1);
    char **arguments = list_of(&values[STEP_RUN_PROGRAM_ARGUMENTS]);
    char **environment = list_of(&values[STEP_RUN_PROGRAM_ENVIRONMENT]);
    if (arguments != NULL && environment != NULL)
      execve(values[STEP_RUN_PROGRAM_PATH].bytes, arguments, environment);
  }
  int error = errno;
  ssize_t told = write(ERROR_DESCRIPTOR, &error, sizeof error);
  _exit(told < 0 ? EXEC_FAILED - 1 : EXEC_FAILED);
}

/* Keeps the end of what it says, on one line. */
static void listen_to(struct program *program, int log) {
  char bytes[4096];
  ssize_t got;
  while ((got = read(program->output[0], bytes, sizeof bytes)) > 0) {
    if (log && write(STDERR_FILENO, bytes, (size_t)got) < 0)
      log = 0;
    size_t taken = (size_t)got > LAST_WORDS ? LAST_WORDS : (size_t)got;
    size_t kept = program->length + taken > LAST_WORDS ? LAST_WORDS - taken : program->length;
    memmove(program->words, program->words + program->length - kept, kept);
    memcpy(program->words + kept, bytes + got - taken, taken);
    program->length = kept + taken;
  }
}

/* 1 once it has ended with *status, 0 not yet. */
static int has_ended(const struct program *program, int *status) {
  pid_t found;
  do {
    found = waitpid(program->pid, status, WNOHANG);
  } while (found < 0 && errno == EINTR);
  return found == 0 ? 0 : found < 0 ? -errno : 1;
}

/* Ends with it, at its deadline (-ETIMEDOUT), or when nobody waits for the launch any more (-ECANCELED). */
static int await(struct program *program, int pidfd, int peer, int log, int *status) {
  uint64_t deadline = clock_us() + program->values[STEP_RUN_PROGRAM_TIMEOUT_MS].number * 1000;
  for (;;) {
    int ended = has_ended(program, status);
    if (ended != 0) {
      listen_to(program, log);
      return ended < 0 ? ended : 0;
    }
    uint64_t now = clock_us();
    if (now >= deadline)
      return -ETIMEDOUT;
    struct pollfd watched[] = {
        {.fd = pidfd, .events = POLLIN},
        {.fd = program->output[0], .events = POLLIN},
        {.fd = peer, .events = POLLRDHUP},
    };
    int left = (int)((deadline - now + 999) / 1000);
    if (poll(watched, 3, pidfd < 0 && left > LOOK_MS ? LOOK_MS : left) < 0 && errno != EINTR)
      return -errno;
    if (watched[2].revents & (POLLRDHUP | POLLHUP | POLLERR))
      return -ECANCELED;
    listen_to(program, log);
    /* Who has closed its output is waited for all the same, without a poll that never rests. */
    if (watched[1].revents & POLLHUP && !(watched[1].revents & POLLIN)) {
      close(program->output[0]);
      program->output[0] = -1;
    }
  }
}

static int tell(struct step_context *context, struct program *program, int error, const char *what) {
  char text[DETAIL_BYTES];
  for (size_t index = 0; index < program->length; index++) {
    unsigned char byte = (unsigned char)program->words[index];
    if (byte < ' ' || byte == 127)
      program->words[index] = ' ';
  }
  while (program->length > 0 && program->words[program->length - 1] == ' ')
    program->length--;
  program->words[program->length] = 0;
  snprintf(text, sizeof text, "%.64s %s%s%s", program->values[STEP_RUN_PROGRAM_NAME].bytes, what,
           program->length > 0 ? ": " : "", program->words);
  return report(context, error, text);
}

static int judge(struct step_context *context, struct program *program, int result, int status) {
  char what[64];
  int error = 0;
  if (result == -ETIMEDOUT)
    return tell(context, program, result, "was still running at its deadline and was killed");
  if (result < 0)
    return tell(context, program, result, "was given up");
  if (read(program->errors[0], &error, sizeof error) == (ssize_t)sizeof error)
    return tell(context, program, -error, "cannot be executed");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return 0;
  snprintf(what, sizeof what, WIFEXITED(status) ? "ended with exit code %d" : "was ended by signal %d",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return tell(context, program, -ECANCELED, what);
}

static int run(struct step_context *context, struct program *program) {
  const struct launch *launch = context->launch;
  /* In the new process there is no log of ours: its streams are the container's. */
  int is_child = launch != NULL && launch->child == 0;
  int peer = launch == NULL ? -1 : is_child ? launch->sync : launch->control;
  program->pid = fork();
  if (program->pid < 0)
    return -errno;
  if (program->pid == 0)
    become(program);
  close(program->output[1]);
  close(program->errors[1]);
  program->output[1] = program->errors[1] = -1;
  int status = 0, pidfd = process_pidfd(program->pid);
  int result = await(program, pidfd, peer, !is_child, &status);
  if (result < 0) {
    kill(-program->pid, SIGKILL);
    kill(program->pid, SIGKILL);
    while (waitpid(program->pid, NULL, 0) < 0 && errno == EINTR)
      continue;
    listen_to(program, !is_child);
  }
  if (pidfd >= 0)
    close(pidfd);
  return judge(context, program, result, status);
}

/* Our end alone must not block. */
static int open_pipes(struct program *program) {
  if (pipe2(program->output, O_CLOEXEC) < 0 || pipe2(program->errors, O_CLOEXEC) < 0)
    return -errno;
  return fcntl(program->output[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int step_run_program(struct step_context *context, const struct value *values) {
  struct program program = {.values = values, .input = -1, .output = {-1, -1}, .errors = {-1, -1}};
  int result = program.input = open_input(context, values);
  if (result >= 0)
    result = open_pipes(&program);
  if (result >= 0)
    result = run(context, &program);
  else
    report(context, result, values[STEP_RUN_PROGRAM_NAME].bytes);
  for (int end = 0; end < 2; end++) {
    if (program.output[end] >= 0)
      close(program.output[end]);
    if (program.errors[end] >= 0)
      close(program.errors[end]);
  }
  if (program.input >= 0)
    close(program.input);
  return result;
}
