#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <netinet/in.h>
#include <unistd.h>

#include "steps_harness.h"

static struct launch of_myself;

static void rlimit_set(void) {
  CHECK_IS(STEP(step_set_rlimit, number(RLIMIT_NOFILE), number(64), number(128)), 0);
  struct rlimit now;
  CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
  CHECK_IS(now.rlim_cur, 64);
  CHECK_IS(now.rlim_max, 128);
  CHECK_IS(STEP(step_set_rlimit, number(RLIMIT_CORE), number(UINT64_MAX), number(UINT64_MAX)), 0);
  CHECK_IS(STEP(step_set_rlimit, number(RLIM_NLIMITS), number(1), number(1)), -EINVAL);
  CHECK_IS(STEP(step_set_rlimit, number(RLIMIT_NOFILE), number(2), number(1)), -EINVAL);
}

static void oom_score(void) {
  of_myself.child = getpid();
  context.launch = &of_myself;
  CHECK_IS(STEP(step_set_oom_score, text("432")), 0);
  CHECK(strcmp(content_of("/proc/self/oom_score_adj"), "432\n") == 0);
  CHECK_IS(STEP(step_set_oom_score, text("1001")), -EINVAL);
  context.launch = NULL;
  CHECK_IS(STEP(step_set_oom_score, text("1")), -EINVAL);
}

static void schedulers(void) {
  CHECK_IS(STEP(step_set_personality, number(PER_LINUX32)), 0);
  CHECK_IS(personality(0xffffffff), PER_LINUX32);
  CHECK_IS(STEP(step_set_scheduler, number(SCHED_BATCH), number(0), number(5), number(0), number(0), number(0), number(0)), 0);
  CHECK_IS(sched_getscheduler(0), SCHED_BATCH);
  CHECK_IS(getpriority(PRIO_PROCESS, 0), 5);
  CHECK_IS(STEP(step_set_scheduler, number(SCHED_OTHER), number(0), number((uint64_t)-3), number(0), number(0), number(0), number(0)), 0);
  CHECK_IS(getpriority(PRIO_PROCESS, 0), -3);
  CHECK_IS(STEP(step_set_scheduler, number(77), number(0), number(0), number(0), number(0), number(0), number(0)), -EINVAL);
  CHECK_IS(STEP(step_set_io_priority, number(0x4004)), 0);
  CHECK_IS(syscall(SYS_ioprio_get, 1, 0), 0x4004);
  CHECK_IS(STEP(step_set_io_priority, number(0x10000)), -EINVAL);
}

static void memory_policy(void) {
  int mode = -1;
  unsigned long nodes[16] = {0};
  CHECK_IS(STEP(step_set_memory_policy, number(2), data("\1", 1)), 0);
  CHECK(syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, NULL, 0) == 0);
  CHECK_IS(mode, 2);
  CHECK_IS(nodes[0], 1);
  CHECK_IS(STEP(step_set_memory_policy, number(0), data("", 0)), 0);
  CHECK_IS(STEP(step_set_memory_policy, number(2), data("\0\0\0\0\0\0\0\0\200", 9)), -EINVAL);
}

static void kernel_parameter(void) {
  CHECK(unshare(CLONE_NEWIPC) == 0);
  CHECK_IS(STEP(step_write_sysctl, text("kernel/msgmax"), text("4567")), 0);
  CHECK(strcmp(content_of("/proc/sys/kernel/msgmax"), "4567\n") == 0);
  CHECK_IS(STEP(step_write_sysctl, text("kernel/no_such_thing"), text("1")), -ENOENT);
  DETAIL_HAS("kernel/no_such_thing");
  CHECK_IS(STEP(step_write_sysctl, text("../self/comm"), text("x")), -EXDEV);
}

/* A volume over /proc must not catch what is written (CVE-2019-16884). */
static void covered_proc(void) {
  CHECK(unshare(CLONE_NEWIPC) == 0);
  CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
  make_dir("/proc/sys");
  make_dir("/proc/sys/kernel");
  make_file("/proc/sys/kernel/msgmax", "decoy");
  CHECK_IS(STEP(step_write_sysctl, text("kernel/msgmax"), text("4568")), 0);
  CHECK(strcmp(content_of("/proc/sys/kernel/msgmax"), "decoy") == 0);
  CHECK(umount("/proc") == 0);
  CHECK(strcmp(content_of("/proc/sys/kernel/msgmax"), "4568\n") == 0);
}

static struct value masks(uint64_t mask) {
  static uint64_t tables[8][1];
  static int next;
  uint64_t *table = tables[next++ % 8];
  table[0] = mask;
  return data((const char *)table, sizeof *table);
}

static int has_landlock(long least) {
  return syscall(444, NULL, 0, 1) >= least;   /* landlock_create_ruleset(2), its version */
}

static void landlock_paths(void) {
  if (!has_landlock(3)) return;
  attach_image();
  make_dir(scratch("image/open"));
  make_file(scratch("image/open/file"), "x");
  make_file(scratch("image/closed"), "x");
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  CHECK_IS(STEP(step_landlock_create, number(5), number(3), masks(0x7fff), data("", 0), data("", 0)), 0);
  CHECK_IS(STEP(step_landlock_path, number(5), text("/open"), masks(0xc), masks(0x4)), 0);
  CHECK_IS(STEP(step_landlock_path, number(5), text("/missing"), masks(0xc), masks(0x4)), -ENOENT);
  DETAIL_HAS("/missing");
  CHECK_IS(STEP(step_landlock_restrict, number(5)), 0);
  CHECK(open("/open/file", O_RDONLY) >= 0);
  CHECK(open("/closed", O_RDONLY) < 0 && errno == EACCES);
  CHECK(open("/open/file", O_WRONLY) < 0 && errno == EACCES);
  CHECK_IS(STEP(step_landlock_restrict, number(5)), -EBADF);
}

static void landlock_ports(void) {
  if (!has_landlock(4)) return;
  CHECK(unshare(CLONE_NEWNET) == 0);
  CHECK_IS(STEP(step_landlock_create, number(5), number(4), data("", 0), masks(1), data("", 0)), 0);
  CHECK_IS(STEP(step_landlock_port, number(5), number(8080), number(1)), 0);
  CHECK_IS(STEP(step_landlock_restrict, number(5)), 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8081)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES);
  address.sin_port = htons(8080);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
}

static void landlock_too_old(void) {
  CHECK_IS(STEP(step_landlock_create, number(5), number(9999), masks(1), data("", 0), data("", 0)), -EOPNOTSUPP);
  DETAIL_HAS("Landlock");
}

/* Without an LSM that has the attribute there is nothing to write to. */
static void exec_label(void) {
  if (access("/proc/self/attr/apparmor/exec", F_OK) == 0) return;
  CHECK_IS(STEP(step_set_exec_label, text("apparmor/exec"), text("exec profile")), -ENOENT);
  DETAIL_HAS("exec profile");
}

const struct test SETTINGS_TESTS[] = {
    {"a resource limit is set", rlimit_set},
    {"the oom score of the child is set", oom_score},
    {"personality, scheduler and input/output priority are set", schedulers},
    {"a memory policy is set", memory_policy},
    {"a kernel parameter is written, and nothing outside of them", kernel_parameter},
    {"a decoy over proc catches no kernel parameter", covered_proc},
    {"landlock allows what its rules say", landlock_paths},
    {"landlock allows ports", landlock_ports},
    {"a landlock that the kernel does not have is refused", landlock_too_old},
    {"a label of a missing module is refused", exec_label},
    {NULL, NULL},
};
