#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../steps/cgroup_walk.h"
#include "steps_harness.h"

/* Enough to go on while it is killed, and few enough where it is not. */
#define FORKS 300

static char group[128], below[160];

static void make_groups(const char *hierarchy) {
  snprintf(group, sizeof(group), "/sys/fs/cgroup/%s/isopod-steps-%d", hierarchy, getpid());
  snprintf(below, sizeof(below), "%s/nested", group);
  CHECK_IS(STEP(step_make_cgroup, text(group)), 0);
  CHECK_IS(STEP(step_make_cgroup, text(group)), 0);
  CHECK_IS(STEP(step_make_cgroup, text(below)), 0);
}

/* A process of the group that forks others, one each millisecond up to `forks`, and sleeps. */
static pid_t start_member(const char *path, uint64_t version, int forks) {
  int ready[2];
  CHECK(pipe(ready) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    /* Whoever waits for the end of our output must not wait for this one. */
    for (int stream = 0; stream < 3; stream++) close(stream);
    if (STEP(step_join_cgroup, text(path), number(version)) != 0) _exit(1);
    close(ready[0]);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    close(ready[1]);
    struct timespec moment = {.tv_nsec = 1000000};
    for (;;) {
      if (forks && fork() == 0) forks = 1;
      if (forks) forks--;
      nanosleep(&moment, NULL);
      if (!forks) pause();
      while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    }
  }
  close(ready[1]);
  char byte;
  CHECK_IS(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return child;
}

static int members(const char *path) {
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(directory >= 0);
  int count = cgroup_signal_all(directory, 0);
  close(directory);
  return count;
}

static void kill_and_remove(const char *hierarchy, uint64_t version) {
  make_groups(hierarchy);
  pid_t one = start_member(group, version, 0), forking = start_member(below, version, FORKS);
  while (members(group) <= 2) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20)), -EBUSY);
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(version), number(20000)), 0);
  CHECK_IS(members(group), 0);
  CHECK(waitpid(one, NULL, 0) == one && waitpid(forking, NULL, 0) == forking);
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(version), number(20000)), 0);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
  CHECK(access(group, F_OK) < 0);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(version), number(20000)), 0);
}

static void freezer(void) { kill_and_remove("freezer", 1); }
static void unified(void) { kill_and_remove("unified", 2); }
static void without_freezer(void) { kill_and_remove("pids", 1); }

/* A group whose last process is still on its way out is removed once it is gone. */
static void busy_for_a_while(void) {
  make_groups("unified");
  pid_t one = start_member(group, 2, 0), ending = fork();
  if (ending == 0) {
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    kill(one, SIGKILL);
    _exit(0);
  }
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
  CHECK(access(group, F_OK) < 0);
  CHECK(waitpid(ending, NULL, 0) == ending && waitpid(one, NULL, 0) == one);
}

/* A paused container, and one nested in it that was paused by itself. */
static void frozen(void) {
  make_groups("freezer");
  pid_t one = start_member(group, 1, 0), other = start_member(below, 1, 0);
  char knob[192];
  for (int i = 0; i < 2; i++) {
    snprintf(knob, sizeof(knob), "%s/freezer.state", i == 0 ? below : group);
    CHECK_IS(STEP(step_write_kernel_file, text(knob), text("FROZEN")), 0);
  }
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(1), number(20000)), 0);
  CHECK(waitpid(one, NULL, 0) == one && waitpid(other, NULL, 0) == other);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

/* Hides cgroup.kill, as on kernels before 5.14. */
static void unified_older(void) {
  make_groups("unified");
  pid_t forking = start_member(below, 2, FORKS);
  char knob[192];
  snprintf(knob, sizeof(knob), "%s/cgroup.kill", group);
  make_file(scratch("empty"), "");
  CHECK(mount(scratch("empty"), knob, NULL, MS_BIND, NULL) == 0);
  CHECK(mount(NULL, knob, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(2), number(20000)), 0);
  CHECK(waitpid(forking, NULL, 0) == forking);
  CHECK(umount2(knob, MNT_DETACH) == 0);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

/* What is frozen from above cannot die: the wait ends with the deadline. */
static void unkillable(void) {
  make_groups("freezer");
  pid_t member = start_member(below, 1, 0);
  char knob[192];
  snprintf(knob, sizeof(knob), "%s/freezer.state", group);
  CHECK_IS(STEP(step_write_kernel_file, text(knob), text("FROZEN")), 0);
  CHECK_IS(STEP(step_kill_cgroup, text(below), number(1), number(30)), -ETIMEDOUT);
  DETAIL_HAS("nested");
  CHECK_IS(waitpid(member, NULL, WNOHANG), 0);
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(1), number(20000)), 0);
  CHECK(waitpid(member, NULL, 0) == member);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

/* The end of a nested container removes its group while that of its parent empties it. */
static void removed_meanwhile(void) {
  volatile int *is_begun = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(is_begun != MAP_FAILED);
  for (uint64_t version = 1; version <= 2; version++)
    for (int round = 0; round < 400; round++) {
      make_groups(version == 1 ? "freezer" : "unified");
      CHECK(rmdir(below) == 0);
      *is_begun = 0;
      pid_t remover = fork();
      if (remover == 0) {
        while (!*is_begun) {}
        for (volatile int turn = 0; turn < round % 100 * 100; turn++) {}
        _exit(rmdir(group) == 0 ? 0 : 1);
      }
      nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
      *is_begun = 1;
      CHECK_IS(STEP(step_kill_cgroup, text(group), number(version), number(20000)), 0);
      int status;
      CHECK(waitpid(remover, &status, 0) == remover && status == 0);
    }
}

static void ends_at_the_deadline(void) {
  struct patience patience;
  patience_start(&patience, 30);
  int rounds = 0;
  while (patience_pause(&patience)) rounds++;
  CHECK(rounds < 60);
  CHECK_IS(patience_left_ms(&patience), 0);
}

static void refuses_links(void) {
  make_groups("freezer");
  make_link(group, scratch("link"));
  CHECK_IS(STEP(step_join_cgroup, text(scratch("link")), number(1)), -ENOTDIR);
  CHECK_IS(STEP(step_kill_cgroup, text(scratch("link")), number(1), number(10)), -ENOTDIR);
  CHECK_IS(STEP(step_join_cgroup, text(scratch("none")), number(1)), -ENOENT);
  DETAIL_HAS("none");
  CHECK_IS(STEP(step_join_cgroup, text(group), number(3)), -EINVAL);
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(0), number(10)), -EINVAL);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

/* What a knob of the group says. */
static int says(const char *name, const char *wanted) {
  char knob[192];
  snprintf(knob, sizeof(knob), "%s/%s", group, name);
  const char *content = content_of(knob);
  return content != NULL && strstr(content, wanted) != NULL;
}

static void freeze_and_thaw(const char *hierarchy, uint64_t version, const char *knob, const char *frozen, const char *thawed) {
  make_groups(hierarchy);
  pid_t member = start_member(group, version, 0);
  for (int round = 0; round < 2; round++) {
    CHECK_IS(STEP(step_freeze_cgroup, text(group), number(version), number(1), number(20000)), 0);
    CHECK(says(knob, frozen));
    CHECK_IS(STEP(step_freeze_cgroup, text(group), number(version), number(0), number(20000)), 0);
    CHECK(says(knob, thawed));
  }
  /* Below what is frozen nothing goes on: the wait for that ends with the deadline. */
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(version), number(1), number(20000)), 0);
  CHECK_IS(STEP(step_freeze_cgroup, text(below), number(version), number(0), number(30)), -ETIMEDOUT);
  DETAIL_HAS("nested");
  CHECK_IS(STEP(step_kill_cgroup, text(group), number(version), number(20000)), 0);
  CHECK(waitpid(member, NULL, 0) == member);
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(version), number(0), number(20000)), 0);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

static void freeze_v1(void) { freeze_and_thaw("freezer", 1, "freezer.state", "FROZEN", "THAWED"); }
static void freeze_v2(void) { freeze_and_thaw("unified", 2, "cgroup.events", "frozen 1", "frozen 0"); }

static void refused_freeze(void) {
  make_groups("pids");
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(3), number(1), number(100)), -EINVAL);
  CHECK_IS(STEP(step_freeze_cgroup, text(scratch("none")), number(1), number(1), number(100)), -ENOENT);
  DETAIL_HAS("none");
  make_link(group, scratch("link"));
  CHECK_IS(STEP(step_freeze_cgroup, text(scratch("link")), number(1), number(1), number(100)), -ENOTDIR);
  /* A group of another controller has no freezer. */
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(1), number(1), number(100)), -ENOENT);
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(2), number(1), number(100)), -ENOENT);
  DETAIL_HAS("isopod-steps");
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

/* Every one of the forking processes is met, however deep, and nobody outside; it stands still before and after if it did. */
static void signal_group(const char *hierarchy, uint64_t version) {
  make_groups(hierarchy);
  pid_t one = start_member(group, version, 0), forking = start_member(below, version, FORKS);
  while (members(group) <= 2) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(version), number(0), number(1), number(20000)), 0);
  CHECK(members(group) > 2);
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(version), number(SIGUSR1), number(1), number(20000)), 0);
  CHECK(waitpid(one, NULL, 0) == one && waitpid(forking, NULL, 0) == forking);
  while (members(group) > 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(version), number(SIGUSR1), number(1), number(20000)), -ENOENT);
}

static void signal_v1(void) { signal_group("freezer", 1); }
static void signal_v2(void) { signal_group("unified", 2); }

static void signal_frozen(void) {
  make_groups("freezer");
  pid_t member = start_member(group, 1, 0);
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(1), number(1), number(20000)), 0);
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(1), number(SIGUSR1), number(0), number(20000)), 0);
  CHECK(says("freezer.state", "FROZEN"));
  CHECK(waitpid(member, NULL, WNOHANG) == 0);
  CHECK_IS(STEP(step_freeze_cgroup, text(group), number(1), number(0), number(20000)), 0);
  CHECK(waitpid(member, NULL, 0) == member);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

static void refused_signal(void) {
  make_groups("pids");
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(3), number(SIGUSR1), number(0), number(100)), -EINVAL);
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(1), number(65), number(0), number(100)), -EINVAL);
  make_link(group, scratch("link"));
  CHECK_IS(STEP(step_signal_cgroup, text(scratch("link")), number(1), number(SIGUSR1), number(0), number(100)), -ENOTDIR);
  CHECK_IS(STEP(step_signal_cgroup, text(group), number(1), number(SIGUSR1), number(1), number(100)), -ENOENT);
  CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0);
}

const struct test CGROUP_TESTS[] = {
    {"a v1 freezer with forking processes is emptied and removed", freezer},
    {"a v2 group with forking processes is emptied and removed", unified},
    {"a group whose last process is still on its way out is removed once it is gone", busy_for_a_while},
    {"a v1 group that is no freezer is emptied and removed", without_freezer},
    {"a frozen v1 group is emptied", frozen},
    {"a v2 group is emptied where cgroup.kill is missing", unified_older},
    {"a group that cannot be emptied is given up at the deadline", unkillable},
    {"a group that is removed by others while it is emptied is empty", removed_meanwhile},
    {"a wait ends at its deadline", ends_at_the_deadline},
    {"a symlink is not taken for a cgroup", refuses_links},
    {"a v1 group is frozen and goes on", freeze_v1},
    {"a v2 group is frozen and goes on", freeze_v2},
    {"a group that cannot be frozen is refused", refused_freeze},
    {"a signal meets every process of a v1 group, those too that fork meanwhile", signal_v1},
    {"a signal meets every process of a v2 group, those too that fork meanwhile", signal_v2},
    {"a signal waits in who stands still already", signal_frozen},
    {"a signal to a group that is none is refused", refused_signal},
    {NULL, NULL},
};
