/* The monitor's behaviours, one function each; run without arguments, or with the names of some. */
#include "monitor_test.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRANTED "granted-ticket-0123456789"

/* The end of a process without an owner: its status, then our release. */
static void expect_exit(struct fixture *fixture, int status) {
  struct frame frame = expect(fixture->control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_WAIT_STATUS) == (uint64_t)status);
  CHECK(number_in(&frame, MESSAGE_EXITED_OUTPUT) == 1);
  frame_free(&frame);
  frame_send(fixture->control, MESSAGE_RELEASE);
  CHECK(finish(fixture) == 0);
}

static void start_is_remembered_until_prepared_and_the_status_is_written(void) {
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

static void a_failing_step_is_reported(void) {
  struct fixture fixture = begin(&(struct setting){0});
  struct frame frame = expect(fixture.control, MESSAGE_FAILED);
  CHECK(number_in(&frame, MESSAGE_FAILED_PHASE) == FAILURE_PHASE_CHILD && number_in(&frame, MESSAGE_FAILED_STEP) == 7);
  frame_free(&frame);
  CHECK(finish(&fixture) == 0);
}

static void without_its_agent_an_unstarted_child_is_killed(void) {
  struct fixture fixture = begin(&(struct setting){.script = "exec sleep 100"});
  expect_only(fixture.control, MESSAGE_PREPARED);
  close(fixture.control);
  fixture.control = -1;
  CHECK(finish(&fixture) == 0);
}

static void an_abort_ends_all(void) {
  struct fixture fixture = begin(&(struct setting){.script = "exec sleep 100"});
  expect_only(fixture.control, MESSAGE_PREPARED);
  frame_send(fixture.control, MESSAGE_ABORT);
  CHECK(finish(&fixture) == 0);
}

static void without_its_agent_a_started_process_goes_on(void) {
  struct fixture fixture = begin(&(struct setting){.script = "sleep 0.2; exit 4", .log_format = LOG_FORMAT_CRI});
  frame_send(fixture.control, MESSAGE_START);
  close(fixture.control);
  fixture.control = -1;
  usleep(100000);
  int control = attach(&fixture, CONTROL_TICKET, ATTACH_ROLE_CONTROL, 0);
  struct frame frame = expect(control, MESSAGE_ATTACHED);
  CHECK(number_in(&frame, MESSAGE_ATTACHED_STATE) == MONITOR_STATE_RUNNING);
  frame_free(&frame);
  frame = expect(control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_WAIT_STATUS) == 4 << 8);
  frame_free(&frame);
  close(control);
  CHECK(finish(&fixture) == 0);
}

static void signals_reach_the_process_and_only_while_it_lives(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100"});
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGTERM);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_only(fixture.control, MESSAGE_EXITED);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGTERM);
  expect_only(fixture.control, MESSAGE_FAILED);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

static void log_lines_follow_the_cri_format(void) {
  const char *script = "printf 'one\\ntwo'; sleep 0.1; printf ' more\\n'; sleep 0.1; echo err >&2; head -c 20000 /dev/zero | tr '\\0' x";
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

static void a_rotated_log_is_bounded_and_whole(void) {
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

static void raw_files_hold_each_stream_alone(void) {
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

static void the_owner_gets_every_byte_and_holds_the_process_back(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "seq 1 1000000", .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0);
  usleep(100000);
  struct pollfd early = {.fd = fixture.control, .events = POLLIN};
  CHECK(poll(&early, 1, 200) == 0);          /* 6.9 MB do not fit anywhere: the process waits for its owner */
  char *text;
  size_t length;
  struct frame frame = collect_output(owner, &text, &length, NULL);
  CHECK(length == 6888896 && strcmp(text + length - 8, "1000000\n") == 0);
  frame_free(&frame);
  free(text);
  expect_end(owner);
  expect_exit(&fixture, 0);
}

static void a_stalled_observer_misses_output_and_slows_nobody(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "read go; seq 1 1000000", .stdin_open = 1});
  grant(&fixture, GRANTED, ATTACH_ROLE_OBSERVER);
  int observer = attached(&fixture, GRANTED, ATTACH_ROLE_OBSERVER, 1);
  send_stdin(observer, "go\n");
  expect_only(fixture.control, MESSAGE_EXITED);
  char *text;
  size_t length;
  uint64_t missed = 0;
  struct frame frame = collect_output(observer, &text, &length, &missed);
  CHECK(missed > 0 && length >= 256 * 1024 - 65536 && length + missed == 6888896);
  frame_free(&frame);
  free(text);
  expect_end(observer);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

static void expect_refusal(int socket, uint64_t reason) {
  struct frame frame = expect(socket, MESSAGE_REFUSED);
  CHECK(number_in(&frame, 0) == reason);
  frame_free(&frame);
  expect_end(socket);
}

static void tickets_admit_once_and_one_owner(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100", .owned = 1});
  expect_refusal(attach(&fixture, "owner-ticket-0123456780", ATTACH_ROLE_OWNER, 0), REFUSAL_BAD_TICKET);
  expect_refusal(attach(&fixture, OWNER_TICKET, ATTACH_ROLE_OBSERVER, 0), REFUSAL_BAD_TICKET);
  expect_refusal(attach(&fixture, "", ATTACH_ROLE_OWNER, 0), REFUSAL_BAD_TICKET);
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0);
  expect_refusal(attach(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0), REFUSAL_BAD_TICKET);
  grant(&fixture, GRANTED, ATTACH_ROLE_OWNER);
  expect_refusal(attach(&fixture, GRANTED, ATTACH_ROLE_OWNER, 0), REFUSAL_OWNER_TAKEN);
  send_stdin(owner, "not allowed");
  expect_refusal(owner, REFUSAL_PROTOCOL);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_exit(&fixture, SIGKILL);
}

static void stdin_reaches_the_process_and_ends(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "cat", .stdin_open = 1, .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  send_stdin(owner, "in and out\n");
  expect_output(owner, "in and out\n");
  frame_send(owner, MESSAGE_STDIN_END);
  expect_only(owner, MESSAGE_EXITED);
  expect_end(owner);
  expect_exit(&fixture, 0);
}

static void a_half_close_ends_stdin_and_output_still_comes(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "cat; echo after", .stdin_open = 1, .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  shutdown(owner, SHUT_WR);
  expect_output(owner, "after\n");
  expect_only(owner, MESSAGE_EXITED);
  expect_end(owner);
  expect_exit(&fixture, 0);
}

static void an_owner_that_leaves_ends_stdin(void) {
  struct setting setting = {.script = "cat; echo gone", .stdin_open = 1, .owned = 1, .log_format = LOG_FORMAT_RAW};
  struct fixture fixture = begin_started(&setting);
  close(attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1));
  expect_only(fixture.control, MESSAGE_EXITED);
  char *out = content(&fixture, "stdout", NULL);
  CHECK(strcmp(out, "gone\n") == 0);
  free(out);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

static void an_owner_that_comes_late_gets_output_and_status(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "echo early", .owned = 1});
  expect_only(fixture.control, MESSAGE_EXITED);
  frame_send(fixture.control, MESSAGE_RELEASE);
  usleep(50000);
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0);
  expect_output(owner, "early\n");
  expect_only(owner, MESSAGE_EXITED);
  expect_end(owner);
  CHECK(finish(&fixture) == 0);
}

static void a_terminal_echoes_and_is_resized(void) {
  struct setting setting = {.script = "stty size; read line; stty size; echo last", .terminal = 1, .owned = 1};
  struct fixture fixture = begin_started(&setting);
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  expect_output(owner, "24 80\r\n");
  frame_send(owner, MESSAGE_RESIZE, UINT64_C(50), UINT64_C(132));
  send_stdin(owner, "typed\n");
  expect_output(owner, "typed\r\n50 132\r\nlast\r\n");
  expect_only(owner, MESSAGE_EXITED);
  expect_end(owner);
  expect_exit(&fixture, 0);
}

static void output_of_a_grandchild_is_cut_after_two_seconds(void) {
  struct setting setting = {.script = "sleep 4 & echo said", .session = 1, .log_format = LOG_FORMAT_RAW};
  struct fixture fixture = begin_started(&setting);
  uint64_t begun = monotonic_ms();
  struct frame frame = expect(fixture.control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_OUTPUT) == 0 && monotonic_ms() - begun >= 1900 && monotonic_ms() - begun < 3500);
  frame_free(&frame);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

#define TEST(name) {#name, name}
static const struct { const char *name; void (*run)(void); } TESTS[] = {
  TEST(start_is_remembered_until_prepared_and_the_status_is_written),
  TEST(a_failing_step_is_reported),
  TEST(without_its_agent_an_unstarted_child_is_killed),
  TEST(an_abort_ends_all),
  TEST(without_its_agent_a_started_process_goes_on),
  TEST(signals_reach_the_process_and_only_while_it_lives),
  TEST(log_lines_follow_the_cri_format),
  TEST(a_rotated_log_is_bounded_and_whole),
  TEST(raw_files_hold_each_stream_alone),
  TEST(the_owner_gets_every_byte_and_holds_the_process_back),
  TEST(a_stalled_observer_misses_output_and_slows_nobody),
  TEST(tickets_admit_once_and_one_owner),
  TEST(stdin_reaches_the_process_and_ends),
  TEST(a_half_close_ends_stdin_and_output_still_comes),
  TEST(an_owner_that_leaves_ends_stdin),
  TEST(an_owner_that_comes_late_gets_output_and_status),
  TEST(a_terminal_echoes_and_is_resized),
  TEST(output_of_a_grandchild_is_cut_after_two_seconds),
};

int main(int argc, char **argv) {
  alarm(120);
  for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++) {
    int wanted = argc == 1;
    for (int a = 1; a < argc; a++) wanted |= strcmp(argv[a], TESTS[i].name) == 0;
    if (!wanted) continue;
    fprintf(stderr, "%s\n", TESTS[i].name);
    TESTS[i].run();
  }
  return 0;
}
