#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

#define ADMIN (UINT64_C(1) << CAP_SYS_ADMIN)
#define JOINABLE (CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS)

static int enter(const struct other *other, uint64_t flags) {
  return STEP(step_enter_namespaces, number((uint64_t)other->pid), number(other->start_time), number(flags));
}

static int is_home(void) {
  for (int kind = 0; kind < 3; kind++)
    if (context.home_namespaces[kind] >= 0) return 0;
  return is_shared(0, getppid(), "pid");
}

static void enters_and_returns(void) {
  struct other own = other_start(0, NULL), other = other_start(JOINABLE, NULL);
  struct held before = held_now();
  CHECK_IS(enter(&other, JOINABLE), 0);
  CHECK(is_shared(0, other.pid, "ipc") && is_shared(0, other.pid, "net") && is_shared(0, other.pid, "uts"));
  char expected[64];
  snprintf(expected, sizeof(expected), "/proc/%d/ns/pid", other.pid);
  struct stat wanted, found;
  CHECK(stat(expected, &wanted) == 0 && stat("/proc/self/ns/pid_for_children", &found) == 0);
  CHECK_IS(found.st_ino, wanted.st_ino);
  CHECK_IS(namespaces_return(&context), 0);
  CHECK(is_shared(0, own.pid, "ipc") && is_shared(0, own.pid, "net") && is_shared(0, own.pid, "uts"));
  CHECK(is_home());
  CHECK_HELD(before);
}

/* Network of one container, processes of another: the way back is the one that was there before both. */
static void enters_two(void) {
  struct other own = other_start(0, NULL), first = other_start(JOINABLE, NULL), second = other_start(JOINABLE, NULL);
  struct held before = held_now();
  CHECK_IS(enter(&first, CLONE_NEWNET | CLONE_NEWUTS), 0);
  CHECK_IS(enter(&second, CLONE_NEWIPC | CLONE_NEWUTS), 0);
  CHECK(is_shared(0, first.pid, "net") && is_shared(0, second.pid, "ipc") && is_shared(0, second.pid, "uts"));
  CHECK_IS(namespaces_return(&context), 0);
  CHECK(is_shared(0, own.pid, "ipc") && is_shared(0, own.pid, "net") && is_shared(0, own.pid, "uts"));
  CHECK_HELD(before);
  CHECK_IS(namespaces_return(&context), 0);
}

/* From a user namespace there is no way back: only the child is born into it. */
static void keeps_user_namespace(void) {
  struct other other = other_start(CLONE_NEWUSER | CLONE_NEWNET, NULL);
  struct held before = held_now();
  CHECK_IS(enter(&other, CLONE_NEWUSER | CLONE_NEWNET), 0);
  CHECK(is_shared(0, other.pid, "net") && !is_shared(0, other.pid, "user"));
  CHECK(context.birth.flags == CLONE_NEWUSER && context.birth.process >= 0);
  struct stat wanted, found;
  char expected[64];
  snprintf(expected, sizeof(expected), "/proc/%d/ns/user", other.pid);
  CHECK(stat(expected, &wanted) == 0 && fstat(context.user_namespace, &found) == 0);
  CHECK_IS(found.st_ino, wanted.st_ino);
  CHECK_IS(namespaces_return(&context), 0);
  CHECK(context.birth.process == -1 && is_home());
  CHECK(close(context.user_namespace) == 0);
  context.user_namespace = -1;
  CHECK_HELD(before);
}

static void refuses_to_enter(void) {
  struct other other = other_start(JOINABLE, NULL);
  struct value pid = number((uint64_t)other.pid), start = number(other.start_time);
  REFUSES(EINVAL, "namespace flags 0", step_enter_namespaces, pid, start, number(0));
  REFUSES(EINVAL, "namespace flags", step_enter_namespaces, pid, start, number(CLONE_NEWNET | CLONE_NEWNS));
  REFUSES(EINVAL, "namespace flags", step_enter_namespaces, pid, start, number(CLONE_NEWUSER | CLONE_NEWCGROUP));
  REFUSES(EINVAL, "namespace flags", step_enter_namespaces, pid, start, number(UINT64_C(1) << 32 | CLONE_NEWNET));
  REFUSES(EINVAL, "pid 4294967296", step_enter_namespaces, number(UINT64_C(1) << 32), start, number(CLONE_NEWNET));
  REFUSES(ESRCH, "process", step_enter_namespaces, pid, number(other.start_time + 1), number(CLONE_NEWNET));
  CHECK(is_home() && !is_shared(0, other.pid, "net"));
  other_end(&other);
  REFUSES(ESRCH, "process", step_enter_namespaces, pid, start, number(CLONE_NEWNET));
  CHECK(is_home());
}

static void may_not_enter(void) {
  struct other other = other_start(JOINABLE, NULL);
  struct held before = held_now();
  without_capabilities(ADMIN);
  CHECK_IS(enter(&other, CLONE_NEWNET | CLONE_NEWUTS), -EPERM);
  DETAIL_HAS("namespaces of process");
  without_capabilities(0);
  CHECK(!is_shared(0, other.pid, "net") && !is_shared(0, other.pid, "uts"));
  CHECK_IS(namespaces_return(&context), 0);
  CHECK_HELD(before);
}

static int make_time(int64_t monotonic_ns, int64_t boottime_ns) {
  return STEP(step_make_time_namespace, number((uint64_t)monotonic_ns), number((uint64_t)boottime_ns));
}

static void sets_clocks(void) {
  struct timespec here, there;
  struct held before = held_now();
  CHECK_IS(make_time(3600000000005, -1500000000), 0);
  CHECK_HELD(before);
  long long monotonic_s, monotonic_ns, boottime_s, boottime_ns;
  CHECK_IS(sscanf(content_of("/proc/self/timens_offsets"), "monotonic %lld %lld boottime %lld %lld", &monotonic_s, &monotonic_ns,
                  &boottime_s, &boottime_ns),
           4);
  CHECK(monotonic_s == 3600 && monotonic_ns == 5 && boottime_s == -2 && boottime_ns == 500000000);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &here) == 0);
  pid_t child = fork();
  if (child == 0) _exit(clock_gettime(CLOCK_MONOTONIC, &there) == 0 && there.tv_sec - here.tv_sec >= 3600 ? 0 : 1);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void refuses_clocks(void) {
  struct held before = held_now();
  /* No clock goes below its beginning. */
  CHECK_IS(make_time(-(INT64_C(1) << 62), 0), -ERANGE);
  DETAIL_HAS("time offsets monotonic -4611686019 ");
  CHECK_HELD(before);
  without_capabilities(ADMIN);
  CHECK_IS(make_time(0, 0), -EPERM);
  DETAIL_HAS("time namespace");
  without_capabilities(0);
  CHECK_HELD(before);
}

static void mount_shared_memory(void) {
  CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
  CHECK(mount("tmpfs", scratch("shm"), "tmpfs", 0, NULL) == 0);
  make_file(scratch("shm/text"), "shared");
  make_link("shm", scratch("link"));
  make_dir(scratch("dir"));
}

static const char *seen_by(const struct other *other, const char *path) {
  static char buffer[512];
  snprintf(buffer, sizeof(buffer), "/proc/%d/root%s", other->pid, scratch(path));
  return buffer;
}

static void clones_from_inside(void) {
  make_dir(scratch("shm"));
  make_dir(scratch("target"));
  struct other other = other_start(CLONE_NEWNS, mount_shared_memory);
  struct held before = held_now();
  CHECK_IS(STEP(step_clone_tree_of, number(5), number((uint64_t)other.pid), number(other.start_time), text(scratch("shm"))), 0);
  before.descriptors++;
  CHECK_HELD(before);
  CHECK(content_of(scratch("shm/text")) == NULL);
  CHECK_IS(STEP(step_attach_at, number(5), text(scratch("target"))), 0);
  CHECK(strcmp(content_of(scratch("target/text")), "shared") == 0);
  make_file(scratch("target/new"), "ours");
  CHECK(strcmp(content_of(seen_by(&other, "shm/new")), "ours") == 0);
  struct statvfs status;
  CHECK(statvfs(scratch("target"), &status) == 0);
  CHECK_IS(status.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC), ST_NOSUID | ST_NODEV | ST_NOEXEC);
}

static void refuses_to_clone(void) {
  make_dir(scratch("shm"));
  struct other other = other_start(CLONE_NEWNS, mount_shared_memory);
  struct value pid = number((uint64_t)other.pid), start = number(other.start_time), shm = text(scratch("shm"));
  REFUSES(ENOENT, "/none", step_clone_tree_of, number(1), pid, start, text(scratch("none")));
  REFUSES(ELOOP, "/link", step_clone_tree_of, number(1), pid, start, text(scratch("link")));
  REFUSES(ENOTDIR, "/shm/text", step_clone_tree_of, number(1), pid, start, text(scratch("shm/text")));
  REFUSES(ENODEV, "/proc", step_clone_tree_of, number(1), pid, start, text("/proc"));
  REFUSES(EINVAL, "pid", step_clone_tree_of, number(1), number(UINT64_C(1) << 31), start, shm);
  REFUSES(ESRCH, "process", step_clone_tree_of, number(1), pid, number(other.start_time + 1), shm);
  REFUSES(EINVAL, "slot 128", step_clone_tree_of, number(FD_SLOTS), pid, start, shm);
  without_capabilities(ADMIN);
  REFUSES(EPERM, "/shm", step_clone_tree_of, number(1), pid, start, shm);
  without_capabilities(0);
  CHECK_IS(STEP(step_clone_tree_of, number(1), pid, start, shm), 0);
  REFUSES(EEXIST, "slot 1", step_clone_tree_of, number(1), pid, start, shm);
  other_end(&other);
  REFUSES(ESRCH, "process", step_clone_tree_of, number(2), pid, start, shm);
}

const struct test NAMESPACE_TESTS[] = {
    {"namespaces of another process are entered for a birth and left again", enters_and_returns},
    {"namespaces of two processes are entered, and the way back leads home", enters_two},
    {"a user namespace waits for the child, and the process that enters keeps its own", keeps_user_namespace},
    {"namespaces that cannot be joined, and processes that are gone or others, are refused", refuses_to_enter},
    {"who may not enter namespaces stays at home", may_not_enter},
    {"a time namespace has its clocks before anybody is in it", sets_clocks},
    {"clocks below their beginning, and without the right to set them, are refused", refuses_clocks},
    {"shared memory of another process is copied from where it stands, narrowed", clones_from_inside},
    {"links, other file systems, processes that are gone and filled slots are refused for shared memory", refuses_to_clone},
    {NULL, NULL},
};
