/* A launch from its barrier to its end, and its log. */
#include "../monitor/monitor.h"
#include "monitor_test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void start_is_remembered_until_prepared_and_the_status_is_written(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exit 3"});
  struct frame frame = expect(fixture.control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_WAIT_STATUS) == 3 << 8);
  char *status = content(&fixture, "status", NULL);
  CHECK(status != NULL && strncmp(status, "exited 768 ", 11) == 0 && strcmp(status + strlen(status) - 3, " 1\n") == 0);
  free(status);
  frame_free(&frame);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

void a_failing_step_is_reported(void) {
  struct fixture fixture = begin(&(struct setting){0});
  struct frame frame = expect(fixture.control, MESSAGE_FAILED);
  CHECK(number_in(&frame, MESSAGE_FAILED_PHASE) == FAILURE_PHASE_CHILD && number_in(&frame, MESSAGE_FAILED_STEP) == 7);
  frame_free(&frame);
  CHECK(finish(&fixture) == 0);
}

void without_its_agent_an_unstarted_child_is_killed(void) {
  struct fixture fixture = begin(&(struct setting){.script = "exec sleep 100"});
  expect_only(fixture.control, MESSAGE_PREPARED);
  close(fixture.control);
  fixture.control = -1;
  CHECK(finish(&fixture) == 0);
}

void an_abort_ends_all(void) {
  struct fixture fixture = begin(&(struct setting){.script = "exec sleep 100"});
  expect_only(fixture.control, MESSAGE_PREPARED);
  frame_send(fixture.control, MESSAGE_ABORT);
  CHECK(finish(&fixture) == 0);
}

void without_its_agent_a_started_process_goes_on(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100"});
  close(fixture.control);
  fixture.control = attach(&fixture, CONTROL_TICKET, ATTACH_ROLE_CONTROL, 0);
  struct frame frame = expect(fixture.control, MESSAGE_ATTACHED);
  CHECK(number_in(&frame, MESSAGE_ATTACHED_STATE) == MONITOR_STATE_RUNNING);
  frame_free(&frame);
  close(fixture.control);          /* the ticket of the agent holds again and again */
  fixture.control = attached(&fixture, CONTROL_TICKET, ATTACH_ROLE_CONTROL, 0);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_exit(&fixture, SIGKILL);
}

void signals_reach_the_process_and_only_while_it_lives(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100"});
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGTERM);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_only(fixture.control, MESSAGE_EXITED);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGTERM);
  expect_only(fixture.control, MESSAGE_FAILED);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

/* Waits in the shell until the log has this text, however late the monitor gets to read what was written. */
#define UNTIL_LOGGED(text) "until grep -q '" text "' container.log; do sleep 0.01; done; "

void log_lines_follow_the_cri_format(void) {
  const char *script = "printf 'one\\ntwo'; " UNTIL_LOGGED("P two") "printf ' more\\n'; " UNTIL_LOGGED("F  more")
                       "echo err >&2; " UNTIL_LOGGED("F err") "head -c 20000 /dev/zero | tr '\\0' x";
  struct fixture fixture = begin_started(&(struct setting){.script = script, .log_format = LOG_FORMAT_CRI});
  expect_only(fixture.control, MESSAGE_EXITED);
  char *log = content(&fixture, "container.log", NULL);
  const char *endings[] = {" stdout F one", " stdout P two", " stdout F  more", " stderr F err", NULL};
  char *line = strtok(log, "\n");
  for (int i = 0; endings[i] != NULL; i++, line = strtok(NULL, "\n")) {
    CHECK(line != NULL && line[10] == 'T' && line[29] == 'Z' && strcmp(line + 30, endings[i]) == 0);
  }
  size_t bytes = 0;
  for (; line != NULL; line = strtok(NULL, "\n")) {
    CHECK(strncmp(line + 30, " stdout P ", 10) == 0 && strlen(line) <= 40 + 16384);
    bytes += strlen(line) - 40;
  }
  CHECK(bytes == 20000);
  free(log);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

/* The output that a CRI log tells of. Returns where it ends in `text`. */
static size_t join_lines(char *text, size_t at, char *log) {
  for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    size_t length = strlen(line + 40);
    memcpy(text + at, line + 40, length);
    at += length;
    if (line[38] == 'F') text[at++] = '\n';
  }
  return at;
}

void a_rotated_log_is_bounded_and_whole(void) {
  struct setting setting = {.script = "seq 1 9000", .log_format = LOG_FORMAT_CRI, .log_max_bytes = 100000,
                            .log_max_files = 3};
  struct fixture fixture = begin_started(&setting);
  expect_only(fixture.control, MESSAGE_EXITED);
  const char *names[] = {"container.log.2", "container.log.1", "container.log"};
  char text[300000], all[50000];
  size_t kept = 0, whole = 0;
  for (int i = 0; i < 3; i++) {
    size_t length;
    char *log = content(&fixture, names[i], &length);
    CHECK(log != NULL && length <= 100000 && (i == 2 || length > 99900));
    kept = join_lines(text, kept, log);
    free(log);
  }
  for (int i = 1; i <= 9000; i++) whole += (size_t)sprintf(all + whole, "%d\n", i);
  CHECK(kept > 20000 && kept < whole && memcmp(text, all + whole - kept, kept) == 0);
  CHECK(content(&fixture, "container.log.3", NULL) == NULL);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

void raw_files_hold_each_stream_alone(void) {
  struct setting setting = {.script = "printf out; printf err >&2", .log_format = LOG_FORMAT_RAW};
  struct fixture fixture = begin_started(&setting);
  expect_only(fixture.control, MESSAGE_EXITED);
  char *out = content(&fixture, "stdout", NULL), *err = content(&fixture, "stderr", NULL);
  CHECK(strcmp(out, "out") == 0 && strcmp(err, "err") == 0);
  free(out);
  free(err);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

void the_filter_kills_on_a_call_that_is_not_listed(void) {
#ifndef __SANITIZE_ADDRESS__
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    CHECK(confine(0) == 0);
    getpid();                      /* listed */
    socket(AF_UNIX, SOCK_STREAM, 0);
    _exit(0);
  }
  CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
#endif
}

void a_log_without_a_bound_of_files_is_refused(void) {
  struct value values[MAX_VALUES] = {{0}};
  struct launch launch = {.values = values};
  values[MESSAGE_LAUNCH_LOG_FORMAT].number = LOG_FORMAT_CRI;
  values[MESSAGE_LAUNCH_LOG_MAX_BYTES].number = 1000;
  CHECK(monitor_listen(&launch) == -EINVAL);
}
