/* Processes that no group tracks. */
#include "monitor_test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static pid_t written(const struct fixture *fixture, const char *name) {
  char *text = content(fixture, name, NULL);
  CHECK(text != NULL);
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  free(text);
  CHECK(pid > 1);
  return pid;
}

/* They lead sessions of their own, and their parents are gone: only a subreaper still finds them. */
void a_tree_ends_with_its_first_process(void) {
  const char *script =
      "(setsid sh -c '(setsid sleep 100 & echo $! >deep.new; mv deep.new deep); echo $$ >daemon.new; mv daemon.new daemon; "
      "exec sleep 100' &); until test -e daemon -a -e deep; do sleep 0.01; done; exit 3";
  struct fixture fixture = begin_started(&(struct setting){.script = script, .tree = 1});
  struct frame frame = expect(fixture.control, MESSAGE_EXITED);
  CHECK(number_in(&frame, MESSAGE_EXITED_WAIT_STATUS) == 3 << 8);
  frame_free(&frame);
  CHECK(kill(written(&fixture, "daemon"), 0) < 0 && errno == ESRCH);
  CHECK(kill(written(&fixture, "deep"), 0) < 0 && errno == ESRCH);
  frame_send(fixture.control, MESSAGE_RELEASE);
  CHECK(finish(&fixture) == 0);
}

static int children_of(pid_t pid) {
  char path[64], text[256] = "";
  int count = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  FILE *file = fopen(path, "r");
  CHECK(file != NULL);
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  for (size_t i = 0; i < length; i++) count += text[i] == ' ';
  return count;
}

void orphans_of_a_tree_are_reaped_while_it_runs(void) {
  const char *script = "for i in 1 2 3 4 5; do (sh -c 'exit 1' & exec true); done; exec sleep 100";
  struct fixture fixture = begin_started(&(struct setting){.script = script, .tree = 1});
  uint64_t end = monotonic_ms() + 10000;
  char name[64] = "";
  /* The loop is over once the shell has become sleep. */
  while (strcmp(name, "sleep\n") != 0 || children_of(fixture.monitor) > 1) {
    char path[64];
    CHECK(monotonic_ms() < end);
    usleep(5000);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)fixture.monitor, (int)fixture.monitor);
    FILE *children = fopen(path, "r");
    int first = 0;
    CHECK(children != NULL && fscanf(children, "%d", &first) >= 0);
    fclose(children);
    snprintf(path, sizeof path, "/proc/%d/comm", first);
    FILE *comm = fopen(path, "r");
    name[0] = 0;
    if (comm == NULL) continue;
    if (fgets(name, sizeof name, comm) == NULL) name[0] = 0;
    fclose(comm);
  }
  frame_send(fixture.control, MESSAGE_SIGNAL, (uint64_t)SIGKILL);
  expect_only(fixture.control, MESSAGE_DONE);
  expect_exit(&fixture, SIGKILL);
}
