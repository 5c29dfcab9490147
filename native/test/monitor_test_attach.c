/* Owner, observers, and those who should not be there. */
#include "monitor_test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GRANTED "granted-ticket-0123456789"

void the_owner_gets_every_byte_and_holds_the_process_back(void) {
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

void a_stalled_observer_misses_output_and_slows_nobody(void) {
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

void tickets_admit_once_and_one_owner(void) {
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

void stdin_reaches_the_process_and_ends(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "cat", .stdin_open = 1, .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  send_stdin(owner, "in and out\n");
  expect_output(owner, "in and out\n");
  frame_send(owner, MESSAGE_STDIN_END);
  expect_only(owner, MESSAGE_EXITED);
  expect_end(owner);
  expect_exit(&fixture, 0);
}

void an_observer_ends_stdin_when_it_is_nobodys(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "cat; echo ended", .stdin_open = 1});
  grant(&fixture, GRANTED, ATTACH_ROLE_OBSERVER);
  int first = attached(&fixture, GRANTED, ATTACH_ROLE_OBSERVER, 1);
  close(first);
  grant(&fixture, GRANTED, ATTACH_ROLE_OBSERVER);
  int second = attached(&fixture, GRANTED, ATTACH_ROLE_OBSERVER, 1);
  send_stdin(second, "in\n");
  expect_output(second, "in\n");
  frame_send(second, MESSAGE_STDIN_END);
  expect_output(second, "ended\n");
  expect_only(second, MESSAGE_EXITED);
  expect_exit(&fixture, 0);
}

void an_observer_does_not_end_stdin_of_an_owner(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "cat", .stdin_open = 1, .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  grant(&fixture, GRANTED, ATTACH_ROLE_OBSERVER);
  int observer = attached(&fixture, GRANTED, ATTACH_ROLE_OBSERVER, 1);
  frame_send(observer, MESSAGE_STDIN_END);
  send_stdin(observer, "still open\n");
  expect_output(owner, "still open\n");
  frame_send(owner, MESSAGE_STDIN_END);
  expect_only(owner, MESSAGE_EXITED);
  expect_exit(&fixture, 0);
}

void a_half_close_ends_stdin_and_output_still_comes(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "cat; echo after", .stdin_open = 1, .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  shutdown(owner, SHUT_WR);
  expect_output(owner, "after\n");
  expect_only(owner, MESSAGE_EXITED);
  expect_end(owner);
  expect_exit(&fixture, 0);
}

void an_owner_that_leaves_ends_stdin(void) {
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

void an_owner_takes_the_process_along(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100", .owned = OWNED_TO_THE_END});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0);
  struct pollfd early = {.fd = fixture.control, .events = POLLIN};
  CHECK(poll(&early, 1, 200) == 0);
  close(owner);
  expect_exit(&fixture, SIGKILL);
}

void an_owner_that_comes_late_gets_output_and_status(void) {
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

void a_terminal_echoes_and_is_resized(void) {
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

void output_of_a_grandchild_is_cut_after_two_seconds(void) {
  struct setting setting = {.script = "sleep 100 & echo $! >grandchild; echo said", .session = 1,
                            .log_format = LOG_FORMAT_RAW};
  uint64_t begun = monotonic_ms();
  struct fixture fixture = begin_started(&setting);
  struct frame frame = expect(fixture.control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_OUTPUT) == 0 && monotonic_ms() - begun >= 1900);
  frame_free(&frame);
  char *grandchild = content(&fixture, "grandchild", NULL);
  CHECK(kill(atoi(grandchild), SIGKILL) == 0);
  free(grandchild);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

/* Each on a connection of its own; the process and its agent notice nothing. */
void garbage_ends_its_own_connection_only(void) {
  static const unsigned char garbage[][16] = {
    {255, 255, 255, 255, MESSAGE_ATTACH},        /* a frame of 4 GiB */
    {0, 0, 0, 0, MESSAGE_STDIN_END},             /* not an attach */
    {4, 0, 0, 0, MESSAGE_ATTACH, 0, 0, 0, 255},  /* a ticket longer than its frame */
    {0, 0, 0, 0, 250},                           /* no message at all */
  };
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100"});
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
    int client = connect_only(&fixture);
    CHECK(send(client, garbage[i], i == 2 ? 12 : 8, 0) > 0);
    expect_refusal(client, REFUSAL_PROTOCOL);
  }
  int silent = connect_only(&fixture);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  close(silent);
  expect_exit(&fixture, SIGKILL);
}

void an_attached_client_cannot_send_more_than_a_stream_frame(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100", .owned = 1, .stdin_open = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  const unsigned char header[8] = {1, 0, 1, 0, MESSAGE_STDIN};
  CHECK(send(owner, header, sizeof header, 0) == sizeof header);
  expect_refusal(owner, REFUSAL_PROTOCOL);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_exit(&fixture, SIGKILL);
}

/* The process reads nothing: what a client types waits in the pipe, in one frame, and then in its own socket. */
void stdin_that_nobody_reads_stalls_its_sender_only(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100", .owned = 1, .stdin_open = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 1);
  static const unsigned char frame[8 + 4 + 32768] = {4, 128, 0, 0, MESSAGE_STDIN, 0, 0, 0, 0, 128};
  struct pollfd room = {.fd = owner, .events = POLLOUT};
  size_t sent = 0, bound = 16 << 20;
  while (sent < bound && poll(&room, 1, 300) > 0) {
    size_t at = sent % sizeof frame;
    ssize_t result = send(owner, frame + at, sizeof frame - at, MSG_DONTWAIT);
    if (result > 0) sent += (size_t)result;
  }
  CHECK(sent > 65536 && sent < bound);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_exit(&fixture, SIGKILL);
}

/* As many as there may be, none of which says anything; then one that is served nevertheless once there is room. */
void silent_clients_are_bounded(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exec sleep 100"});
  int clients[63];
  for (int i = 0; i < 63; i++) clients[i] = connect_only(&fixture);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, fixture.socket);
  int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(waiting, (struct sockaddr *)&address, sizeof address) == 0);
  struct pollfd hello = {.fd = waiting, .events = POLLIN};
  CHECK(poll(&hello, 1, 200) == 0);
  for (int i = 0; i < 63; i++) close(clients[i]);
  expect_only(waiting, MESSAGE_HELLO);
  close(waiting);
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_exit(&fixture, SIGKILL);
}

/* The terminal's size, a key: sent when the monitor has said all, it must not cost the client what it has not read yet. */
void a_client_that_still_speaks_after_the_end_reads_all_of_it(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "echo all", .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0);
  expect_only(fixture.control, MESSAGE_EXITED);
  usleep(50000);
  for (int i = 0; i < 3; i++) CHECK(frame_send(owner, MESSAGE_RESIZE, UINT64_C(24), UINT64_C(80)) == 0);
  char *text;
  size_t length;
  struct frame frame = collect_output(owner, &text, &length, NULL);
  CHECK(length == 4 && strcmp(text, "all\n") == 0);
  frame_free(&frame);
  free(text);
  expect_end(owner);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

void a_client_that_stays_after_the_end_holds_nobody_up(void) {
  struct fixture fixture = begin_started(&(struct setting){.script = "exit 0", .owned = 1});
  int owner = attached(&fixture, OWNER_TICKET, ATTACH_ROLE_OWNER, 0);
  expect_exit(&fixture, 0);        /* the owner is attached still */
  close(owner);
}
