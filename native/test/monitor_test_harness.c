#include "monitor_test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FINISH_MS 20000

uint64_t monotonic_ms(void) { return clock_us() / 1000; }

/* A stand-in for steps/counters.c, which would bring in the other steps. */
int counters_read(const struct counters *counters, uint32_t event, struct counted *sum) {
  (void)counters, (void)event, (void)sum;
  return -ENOENT;
}

static void set_text(struct value *value, const char *text) {
  value->bytes = text;
  value->length = (uint32_t)strlen(text);
}

static void fill(struct value *values, const struct setting *setting, const struct fixture *fixture) {
  memset(values, 0, MAX_VALUES * sizeof *values);
  values[MESSAGE_LAUNCH_KIND].number = setting->session ? LAUNCH_KIND_SESSION
                                       : setting->tree ? LAUNCH_KIND_TREE : LAUNCH_KIND_CONTAINER;
  values[MESSAGE_LAUNCH_STDIO].number = setting->terminal ? STDIO_TERMINAL : STDIO_PIPES;
  values[MESSAGE_LAUNCH_STDIN_OPEN].number = (uint64_t)setting->stdin_open;
  values[MESSAGE_LAUNCH_OWNED].number = (uint64_t)setting->owned;
  values[MESSAGE_LAUNCH_ROWS].number = 24;
  values[MESSAGE_LAUNCH_COLUMNS].number = 80;
  values[MESSAGE_LAUNCH_LOG_FORMAT].number = (uint64_t)setting->log_format;
  values[MESSAGE_LAUNCH_LOG_MAX_BYTES].number = setting->log_max_bytes;
  values[MESSAGE_LAUNCH_LOG_MAX_FILES].number = setting->log_max_files == 0 ? 3 : setting->log_max_files;
  set_text(&values[MESSAGE_LAUNCH_TRACKING_CGROUP], "");
  set_text(&values[MESSAGE_LAUNCH_STATE_DIRECTORY], fixture->directory);
  set_text(&values[MESSAGE_LAUNCH_LOG_DIRECTORY], fixture->directory);
  set_text(&values[MESSAGE_LAUNCH_SOCKET_PATH], fixture->socket);
  set_text(&values[MESSAGE_LAUNCH_CONTROL_TICKET], CONTROL_TICKET);
  set_text(&values[MESSAGE_LAUNCH_OWNER_TICKET], OWNER_TICKET);
}

static void take_terminal(int sync) {
  struct sync_message message = {.kind = SYNC_TERMINAL};
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK(master >= 0 && unlockpt(master) == 0);
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK(slave >= 0 && ioctl(slave, TIOCSCTTY, 0) == 0);
  for (int stream = 0; stream < 3; stream++) dup2(slave, stream);
  CHECK(sync_send(sync, &message, &master, 1) == 0);
}

static void child(const struct setting *setting, const char *directory, int sync, const int streams[3]) {
  struct sync_message message = {.kind = SYNC_FAILED, .phase = FAILURE_PHASE_CHILD, .step = 7, .error = ENOENT};
  strcpy(message.detail, "/the/path");
  CHECK(chdir(directory) == 0);
  setsid();
  process_close_on_exec_from(3);
  if (setting->script == NULL) {
    sync_send(sync, &message, NULL, 0);
    _exit(1);
  }
  if (setting->terminal) take_terminal(sync);
  else for (int stream = 0; stream < 3; stream++) dup2(streams[stream], stream);
  message = (struct sync_message){.kind = SYNC_PREPARED};
  sync_send(sync, &message, NULL, 0);
  if (sync_receive(sync, &message, NULL, NULL) != 1 || message.kind != SYNC_START) _exit(1);
  execl("/bin/sh", "sh", "-c", setting->script, (char *)NULL);
  _exit(127);
}

static void make_pipe(int *ours, int *theirs, int child_reads) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  *ours = ends[child_reads];
  *theirs = ends[!child_reads];
  fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static int run(const struct setting *setting, const struct fixture *fixture, int control) {
  struct value values[MAX_VALUES];
  struct launch launch = {.values = values, .control = control, .sync = -1, .tracking_kill = -1, .fork_server = -1,
                          .stdin_write = -1, .stdout_read = -1, .stderr_read = -1, .received_us = clock_us()};
  int streams[3], sync[2];
  fill(values, setting, fixture);
  CHECK(monitor_listen(&launch) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) == 0);
  if (!setting->terminal) {
    make_pipe(&launch.stdout_read, &streams[1], 0);
    make_pipe(&launch.stderr_read, &streams[2], 0);
    if (setting->stdin_open) make_pipe(&launch.stdin_write, &streams[0], 1);
    else streams[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  if (setting->tree) CHECK(tree_track() == 0);
  launch.child = fork();
  if (launch.child == 0) child(setting, fixture->directory, sync[1], streams);
  for (int stream = 0; stream < 3 && !setting->terminal; stream++) close(streams[stream]);
  close(sync[1]);
  launch.sync = sync[0];
  launch.child_pidfd = process_pidfd(launch.child);
  CHECK(process_start_time(launch.child, &launch.start_time) == 0);
  return monitor_run(&launch);
}

struct fixture begin(const struct setting *setting) {
  struct fixture fixture = {.directory = "/tmp/isopod-monitor-test-XX" "XX" "XX"};
  int control[2];
  CHECK(mkdtemp(fixture.directory) != NULL);
  snprintf(fixture.socket, sizeof fixture.socket, "%s/socket", fixture.directory);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) == 0);
  fixture.monitor = fork();
  if (fixture.monitor == 0) {
    close(control[0]);
    exit(run(setting, &fixture, control[1]));
  }
  close(control[1]);
  fixture.control = control[0];
  return fixture;
}

struct fixture begin_started(const struct setting *setting) {
  struct fixture fixture = begin(setting);
  frame_send(fixture.control, MESSAGE_START);
  expect_only(fixture.control, MESSAGE_PREPARED);
  expect_only(fixture.control, MESSAGE_TIMINGS);
  expect_only(fixture.control, MESSAGE_STARTED);
  return fixture;
}

int finish(struct fixture *fixture) {
  int status = -1;
  uint64_t end = monotonic_ms() + FINISH_MS;
  while (waitpid(fixture->monitor, &status, WNOHANG) == 0) {
    CHECK(monotonic_ms() < end);
    usleep(2000);
  }
  if (fixture->control >= 0) close(fixture->control);
  CHECK(access(fixture->socket, F_OK) < 0);
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", fixture->directory);
  CHECK(system(command) == 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void expect_exit(struct fixture *fixture, int status) {
  struct frame frame = expect(fixture->control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_WAIT_STATUS) == (uint64_t)status);
  CHECK(number_in(&frame, MESSAGE_EXITED_OUTPUT) == 1);
  frame_free(&frame);
  frame_send(fixture->control, MESSAGE_RELEASE);
  CHECK(finish(fixture) == 0);
}

struct frame expect(int socket, uint8_t type) {
  struct frame frame;
  int result = frame_read(socket, &frame);
  if (result != 1 || frame.type != type) {
    fprintf(stderr, "frame %d expected, result %d type %d\n", type, result, result == 1 ? frame.type : 0);
    abort();
  }
  return frame;
}

void expect_only(int socket, uint8_t type) {
  struct frame frame = expect(socket, type);
  frame_free(&frame);
}

void expect_end(int socket) {
  struct frame frame;
  CHECK(frame_read(socket, &frame) == 0);
  close(socket);
}

uint64_t number_in(const struct frame *frame, int position) {
  struct value values[MAX_VALUES];
  CHECK(wire_decode(wire_message_signature(frame->type), frame->payload, frame->length, values) == 0);
  return values[position].number;
}

int connect_only(const struct fixture *fixture) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strcpy(address.sun_path, fixture->socket);
  CHECK(connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0);
  expect_only(descriptor, MESSAGE_HELLO);
  return descriptor;
}

int attach(const struct fixture *fixture, const char *ticket, int role, int stdin_wanted) {
  int descriptor = connect_only(fixture);
  frame_send(descriptor, MESSAGE_ATTACH, ticket, (uint32_t)strlen(ticket), (uint64_t)role, (uint64_t)stdin_wanted,
             UINT64_C(1));
  return descriptor;
}

int attached(const struct fixture *fixture, const char *ticket, int role, int stdin_wanted) {
  int descriptor = attach(fixture, ticket, role, stdin_wanted);
  expect_only(descriptor, MESSAGE_ATTACHED);
  return descriptor;
}

void grant(const struct fixture *fixture, const char *ticket, int role) {
  frame_send(fixture->control, MESSAGE_GRANT, ticket, (uint32_t)strlen(ticket), (uint64_t)role);
  expect_only(fixture->control, MESSAGE_DONE);
}

void send_stdin(int socket, const char *text) { frame_send(socket, MESSAGE_STDIN, text, (uint32_t)strlen(text)); }

static void keep(char **text, size_t *length, const struct frame *frame) {
  struct value value[1];
  CHECK(wire_decode("b", frame->payload, frame->length, value) == 0);
  *text = realloc(*text, *length + value->length + 1);
  memcpy(*text + *length, value->bytes, value->length);
  *length += value->length;
  (*text)[*length] = '\0';
}

struct frame collect_output(int socket, char **text, size_t *length, uint64_t *gaps) {
  struct frame frame;
  *text = calloc(1, 1);
  *length = 0;
  for (;;) {
    CHECK(frame_read(socket, &frame) == 1);
    if (frame.type == MESSAGE_EXITED) return frame;
    if (frame.type == MESSAGE_STDOUT) keep(text, length, &frame);
    else CHECK(gaps != NULL && frame.type == MESSAGE_GAP);
    if (frame.type == MESSAGE_GAP) *gaps += number_in(&frame, MESSAGE_GAP_BYTES);
    frame_free(&frame);
  }
}

void expect_output(int socket, const char *wanted) {
  char *text = calloc(1, 1);
  size_t length = 0;
  while (strstr(text, wanted) == NULL) {
    struct frame frame = expect(socket, MESSAGE_STDOUT);
    keep(&text, &length, &frame);
    frame_free(&frame);
  }
  free(text);
}

char *content(const struct fixture *fixture, const char *name, size_t *length) {
  char path[160];
  snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  char *text = calloc(1, size + 1);
  CHECK(fread(text, 1, size, file) == size);
  fclose(file);
  if (length != NULL) *length = size;
  return text;
}

/* Of steps.c, which would bring every step along. */
void step_detail(struct step_context *context, const char *text) {
  (void)context;
  (void)text;
}
