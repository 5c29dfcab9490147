#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

#define SHELL "/bin/sh"
#define PATIENT_MS 30000
/* As in program.c. */
#define LAST_WORDS 160

static struct value nothing(void) { return data("", 0); }

/* A script as the hook `first`, which finds its own directory in $DIR. */
static int run_with(const char *script, struct value before, struct value after, uint64_t timeout_ms) {
  char directory[128];
  snprintf(directory, sizeof(directory), "DIR=%s", scratch(""));
  return STEP(step_run_program, text("first"), text(SHELL), LIST("sh", "-c", script), LIST("PATH=/usr/bin:/bin", directory), before,
              after, number(timeout_ms));
}

static int run(const char *script) { return run_with(script, nothing(), nothing(), PATIENT_MS); }

static int holds(const char *path, const char *expected) {
  const char *content = content_of(scratch(path));
  if (content == NULL || strcmp(content, expected) != 0) dprintf(STDERR_FILENO, "%s: %s\n", path, content == NULL ? "none" : content);
  return content != NULL && strcmp(content, expected) == 0;
}

/* What programs say is logged, here to a file. */
static void log_to_file(void) {
  int file = open(scratch("log"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  CHECK(file >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
  close(file);
}

static void gets_arguments(void) {
  const char *script = "printf '%s|' \"$0\" \"$@\" >$DIR/arguments; cat /proc/$$/environ | tr '\\0' '|' >$DIR/environment";
  char directory[128], expected[256];
  snprintf(directory, sizeof(directory), "DIR=%s", scratch(""));
  CHECK(setenv("OURS", "secret", 1) == 0);
  CHECK_IS(STEP(step_run_program, text("first"), text(SHELL), LIST("sh", "-c", script, "zero", "", "two words", "$HOME"),
                LIST("PATH=/usr/bin:/bin", directory, "EMPTY=", "odd"), nothing(), nothing(), number(PATIENT_MS)),
           0);
  CHECK(holds("arguments", "zero||two words|$HOME|"));
  snprintf(expected, sizeof(expected), "PATH=/usr/bin:/bin|%s|EMPTY=|odd|", directory);
  CHECK(holds("environment", expected));
}

/* The list is bounded by the frame it comes in; the kernel bounds a single argument at 128 KiB (MAX_ARG_STRLEN). */
static void bounds_arguments(void) {
  static const char *many[3005] = {"sh", "-c", "echo $# >$DIR/count", "zero"};
  static char long_one[131072 + 1];
  char directory[128];
  snprintf(directory, sizeof(directory), "DIR=%s", scratch(""));
  for (int i = 4; i < 3004; i++) many[i] = "word";
  CHECK_IS(STEP(step_run_program, text("first"), text(SHELL), list(many), LIST(directory), nothing(), nothing(), number(PATIENT_MS)), 0);
  CHECK(holds("count", "3000\n"));
  memset(long_one, 'a', sizeof(long_one) - 1);
  REFUSES(E2BIG, "first cannot be executed", step_run_program, text("first"), text(SHELL), LIST("sh", "-c", "true", long_one),
          LIST("A=b"), nothing(), nothing(), number(PATIENT_MS));
  long_one[131071] = '\0';
  CHECK_IS(STEP(step_run_program, text("first"), text(SHELL), LIST("sh", "-c", "true", long_one), LIST("A=b"), nothing(), nothing(),
                number(PATIENT_MS)),
           0);
}

static void reads_state(void) {
  struct held before = held_now();
  CHECK_IS(run_with("cat >$DIR/state", text("{\"pid\":"), text(",\"status\":\"creating\"}"), PATIENT_MS), 0);
  CHECK(holds("state", "{\"pid\":0,\"status\":\"creating\"}"));
  context.host_pid = 4242;
  CHECK_IS(run_with("cat >$DIR/state", text("{\"pid\":"), text("}"), PATIENT_MS), 0);
  CHECK(holds("state", "{\"pid\":4242}"));
  /* Nothing behind the pid: there is none in it. */
  CHECK_IS(run_with("cat >$DIR/state", text("{}"), nothing(), PATIENT_MS), 0);
  CHECK(holds("state", "{}"));
  CHECK_HELD(before);
}

/* More than a pipe holds, to a program that reads nothing of it. */
static void ignores_state(void) {
  static char state[200000];
  memset(state, ' ', sizeof(state));
  struct held before = held_now();
  CHECK_IS(run_with("exit 0", data(state, sizeof(state)), nothing(), PATIENT_MS), 0);
  CHECK_IS(run_with("wc -c | tr -d ' ' >$DIR/size", data(state, sizeof(state)), nothing(), PATIENT_MS), 0);
  CHECK(holds("size", "200000\n"));
  CHECK_HELD(before);
}

static void knows_child(void) {
  int control[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) == 0);
  struct launch launch = {.child = 77, .control = control[0], .sync = -1};
  context.launch = &launch;
  CHECK_IS(run_with("cat >$DIR/state", text("<"), text(">"), PATIENT_MS), 0);
  CHECK(holds("state", "<77>"));
}

static void is_alone(void) {
  int extra = open("/", O_RDONLY);
  CHECK(extra >= 0 && fcntl(extra, F_DUPFD, 40) >= 0);
  /* As in a process that a fork server has forked. */
  sigset_t all;
  sigfillset(&all);
  CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR && sigprocmask(SIG_BLOCK, &all, NULL) == 0);
  struct held before = held_now();
  CHECK_IS(run("pwd >$DIR/where; i=0; while [ $i -lt 64 ]; do [ ! -e /proc/$$/fd/$i ] || list=\"$list $i\"; i=$((i+1)); done; "
               "echo $list >$DIR/open; "
               "read -r _ _ _ _ group _ </proc/self/stat; [ $group = $$ ] || exit 9; grep -E 'SigIgn|SigBlk' /proc/self/status >$DIR/signals"),
           0);
  CHECK_HELD(before);
  CHECK(holds("where", "/\n"));
  CHECK(holds("open", "0 1 2\n"));
  CHECK(holds("signals", "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

static void fails(const char *script, const char *what) {
  struct held before = held_now();
  context.detail[0] = '\0';
  CHECK_IS(run(script), -ECANCELED);
  DETAIL_HAS(what);
  CHECK_HELD(before);
}

static void tells_ends(void) {
  log_to_file();
  fails("exit 3", "first ended with exit code 3");
  fails("exit 127", "first ended with exit code 127");
  fails("kill -9 $$", "first was ended by signal 9");
  fails("exec >&- 2>&-; sleep 0.1; exit 4", "first ended with exit code 4");
  fails("echo said; echo wrong >&2; exit 5", "exit code 5: said wrong");
  fails("printf 'a\\033[1mb\\n\\n'; exit 6", "exit code 6: a [1mb");
  CHECK(strstr(context.detail, "b ") == NULL);
  fails("i=0; while [ $i -lt 200 ]; do printf 'w%03d' $i; i=$((i+1)); done; exit 7", "w199");
  CHECK(strstr(context.detail, "w159") == NULL);
  DETAIL_HAS("w160");
  CHECK_IS(strlen(strstr(context.detail, ": ") + 2), LAST_WORDS);
  CHECK(strstr(content_of(scratch("log")), "said\nwrong\n") != NULL && strstr(content_of(scratch("log")), "w000") != NULL);
}

static void no_program(void) {
  struct value arguments = LIST("x"), none = LIST("A=b"), patient = number(PATIENT_MS);
  make_file(scratch("text"), "#!/bin/sh\n");
  make_dir(scratch("dir"));
  make_file(scratch("broken"), "#!/none/interpreter\n");
  CHECK(chmod(scratch("broken"), 0755) == 0);
  const struct { const char *path; int error; } cases[] = {{scratch("none"), ENOENT}, {scratch("text"), EACCES},
                                                           {scratch("dir"), EACCES}, {scratch("broken"), ENOENT}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    REFUSES(cases[i].error, "hook 7 cannot be executed", step_run_program, text("hook 7"), text(cases[i].path), arguments, none,
            nothing(), nothing(), patient);
}

static pid_t pid_in(const char *path) {
  const char *content = content_of(scratch(path));
  CHECK(content != NULL);
  return (pid_t)strtol(content, NULL, 10);
}

/* Dead, if not reaped by whoever has got it. */
static int is_over(pid_t pid) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const char *status = content_of(path);
  return status == NULL || strstr(status, ") Z ") != NULL;
}

static void await_over(pid_t pid) {
  const struct timespec moment = {.tv_nsec = 10000000};
  while (!is_over(pid)) nanosleep(&moment, NULL);
}

static const char LINGERS[] = "sleep 1000 & echo $! >$DIR/grandchild; trap '' TERM; echo 'last words'; while :; do sleep 1000; done";

static void ends_at_deadline(void) {
  log_to_file();
  struct held before = held_now();
  CHECK_IS(run_with(LINGERS, nothing(), nothing(), 500), -ETIMEDOUT);
  DETAIL_HAS("first was still running at its deadline and was killed: last words");
  CHECK_HELD(before);
  await_over(pid_in("grandchild"));
}

/* What it left running in the background holds its output open, and is not waited for. */
static void leaves_daemons(void) {
  struct held before = held_now();
  CHECK_IS(run("sleep 1000 & echo $! >$DIR/grandchild"), 0);
  CHECK_HELD(before);
  pid_t daemon = pid_in("grandchild");
  CHECK(!is_over(daemon));
  CHECK(kill(daemon, SIGKILL) == 0);
}

/* The agent goes as soon as the program has begun; `child` 0 is the side of the new process, which watches its monitor. */
static void given_up(pid_t child) {
  int ends[2];
  log_to_file();
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  struct launch launch = {.child = child, .control = child != 0 ? ends[0] : -1, .sync = child != 0 ? -1 : ends[0]};
  context.launch = &launch;
  pid_t agent = fork();
  if (agent == 0) {
    const struct timespec moment = {.tv_nsec = 10000000};
    close(ends[0]);
    while (content_of(scratch("grandchild")) == NULL) nanosleep(&moment, NULL);
    _exit(0);
  }
  close(ends[1]);
  CHECK_IS(run_with(LINGERS, nothing(), nothing(), 60000), -ECANCELED);
  DETAIL_HAS("first was given up");
  CHECK(waitpid(agent, NULL, 0) == agent);
  await_over(pid_in("grandchild"));
}

static void agent_gone(void) { given_up(77); }
static void monitor_gone(void) { given_up(0); }

static void notes_pid(void) {
  CHECK_IS(STEP(step_note_host_pid, number(0)), 0);
  CHECK_IS(context.host_pid, getpid());
  CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
  CHECK_IS(STEP(step_note_host_pid, number(0)), -ENOENT);
  DETAIL_HAS("/proc/self");
}

const struct test PROGRAM_TESTS[] = {
    {"a program gets its arguments and its environment, and nothing of ours", gets_arguments},
    {"a program gets thousands of arguments, and one that is too long for the kernel is told of", bounds_arguments},
    {"a program reads the state of the container from its input", reads_state},
    {"a program may leave its input unread, however long", ignores_state},
    {"the pid in the state is the one of the child", knows_child},
    {"a program has three streams, `/` and its own group, and neither ignores nor blocks signals", is_alone},
    {"a program that fails is named with its end and its last words", tells_ends},
    {"a program that is missing or none is told of", no_program},
    {"a program is killed at its deadline with what it has started", ends_at_deadline},
    {"what a program leaves in the background is not waited for", leaves_daemons},
    {"a program ends with the agent that waits for it", agent_gone},
    {"a program of the new process ends with the monitor", monitor_gone},
    {"a process notes what its procfs calls it", notes_pid},
    {NULL, NULL},
};
