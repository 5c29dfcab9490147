#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

static char group[128];
static struct launch of_myself;

/* Below the v2 hierarchy, wherever that is; the harness removes it by its name. */
static int make_group(void) {
  const char *top = access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
  if (access("/sys/fs/cgroup/cgroup.procs", F_OK) < 0 && access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) < 0) return 0;
  snprintf(group, sizeof group, "%s/isopod-steps-%d", top, getpid());
  CHECK_IS(STEP(step_make_cgroup, text(group)), 0);
  return 1;
}

static void remove_group(void) { CHECK_IS(STEP(step_remove_cgroup, text(group), number(20000)), 0); }

#define PROGRAM(...) data((const char *)(struct sock_filter[]){__VA_ARGS__}, sizeof((struct sock_filter[]){__VA_ARGS__}))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

static struct value refuse_call(uint32_t call) {
  static struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      ANSWER(SECCOMP_RET_ERRNO | EDOM),
      ANSWER(SECCOMP_RET_ALLOW),
  };
  filter[1].k = call;
  return data((const char *)filter, sizeof filter);
}

static void filter(void) {
  CHECK_IS(STEP(step_seccomp_filter, refuse_call(SYS_getpriority), number(0)), 0);
  CHECK(syscall(SYS_getpriority, 0, 0) < 0 && errno == EDOM);
  CHECK_IS(status_field("Seccomp:", 10), 2);
}

/* Bytes of a frame stand at any address. */
static void unaligned_filter(void) {
  char bytes[64];
  struct value aligned = refuse_call(SYS_getpriority);
  CHECK(aligned.length < sizeof bytes);
  memcpy(bytes + 1, aligned.bytes, aligned.length);
  CHECK_IS(STEP(step_seccomp_filter, data(bytes + 1, aligned.length), number(SECCOMP_FILTER_FLAG_SPEC_ALLOW)), 0);
  CHECK(syscall(SYS_getpriority, 0, 0) < 0 && errno == EDOM);
}

static void refused_filter(void) {
  static const char many[(BPF_MAXINSNS + 1) * sizeof(struct sock_filter)];
  const char *subject = "filter of system calls";
  REFUSES(EINVAL, subject, step_seccomp_filter, data("", 0), number(0));
  REFUSES(EINVAL, subject, step_seccomp_filter, data("1234567", 7), number(0));
  REFUSES(EINVAL, subject, step_seccomp_filter, data(many, sizeof many), number(0));
  REFUSES(EINVAL, subject, step_seccomp_filter, PROGRAM(ANSWER(SECCOMP_RET_ALLOW)), number(UINT64_C(1) << 32));
  REFUSES(EINVAL, subject, step_seccomp_filter, PROGRAM(ANSWER(SECCOMP_RET_ALLOW)), number(1 << 30));
  /* Runs over its end. */
  REFUSES(EINVAL, subject, step_seccomp_filter, PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)), number(0));
  CHECK_IS(status_field("Seccomp:", 10), 0);
}

static void filter_without_rights(void) {
  CHECK_IS(STEP(step_apply_credentials, number(0), number(0), number(0), number(0), number(0)), 0);
  REFUSES(EACCES, "filter of system calls", step_seccomp_filter, PROGRAM(ANSWER(SECCOMP_RET_ALLOW)), number(0));
  CHECK_IS(STEP(step_no_new_privileges, number(0)), 0);
  CHECK_IS(STEP(step_seccomp_filter, PROGRAM(ANSWER(SECCOMP_RET_ALLOW)), number(0)), 0);
}

/* return VERDICT */
static struct value device_program(int verdict) {
  static struct bpf_insn programs[2][2];
  struct bpf_insn *program = programs[verdict];
  program[0] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict};
  program[1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
  return data((const char *)program, sizeof programs[verdict]);
}

/* The errno of opening the null device in the group. */
static int opened_inside(void) {
  int status;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (STEP(step_join_cgroup, text(group), number(2)) != 0) _exit(200);
    _exit(open("/dev/null", O_RDWR | O_CLOEXEC) < 0 ? errno : 0);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void devices(void) {
  if (!make_group()) return;
  int result = STEP(step_set_device_program, text(group), device_program(0));
  if (result == -EPERM || result == -ENOSYS || result == -EINVAL) {   /* a kernel or a host without it */
    remove_group();
    return;
  }
  CHECK_IS(result, 0);
  CHECK_IS(opened_inside(), EPERM);
  /* In the place of the other: with both in force nothing would open. */
  CHECK_IS(STEP(step_set_device_program, text(group), device_program(1)), 0);
  CHECK_IS(opened_inside(), 0);
  remove_group();
}

static void refused_devices(void) {
  static const char many[4097 * 8];
  const char *subject = "bytes of a device program";
  REFUSES(EINVAL, subject, step_set_device_program, text(scratch("")), data("", 0));
  REFUSES(EINVAL, subject, step_set_device_program, text(scratch("")), data("123456789", 9));
  REFUSES(EINVAL, subject, step_set_device_program, text(scratch("")), data(many, sizeof many));
  REFUSES(ENOENT, "none", step_set_device_program, text(scratch("none")), device_program(1));
  make_dir(scratch("directory"));
  make_link(scratch("directory"), scratch("link"));
  REFUSES(ENOTDIR, "link", step_set_device_program, text(scratch("link")), device_program(1));
  /* No cgroup: refused where it is attached, or already where programs are not for us to load. */
  CHECK(STEP(step_set_device_program, text(scratch("directory")), device_program(1)) < 0);
  CHECK(context.detail[0] != 0);
  /* Never returns. */
  CHECK(STEP(step_set_device_program, text(scratch("directory")), data("\0\0\0\0\0\0\0\0", 8)) < 0);
  DETAIL_HAS("the device program");
}

struct counted_event { uint64_t type, config; };
static struct value events(const struct counted_event *list, uint32_t count) {
  return data((const char *)list, count * (uint32_t)sizeof *list);
}
static const struct counted_event CLOCKS[] = {{PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK}, {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK}};

static void burn(void) {
  int status;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (STEP(step_join_cgroup, text(group), number(2)) != 0) _exit(1);
    for (volatile uint64_t count = 0; count < 20000000; count++) continue;
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void counters(void) {
  struct counted before, after;
  if (!make_group()) return;
  context.launch = &of_myself;
  int result = STEP(step_open_counters, text(group), events(CLOCKS, 2));
  if (result < 0) {   /* perf is shut to us, or lives in a hierarchy of its own */
    CHECK(result == -EACCES || result == -EPERM || result == -ENOSYS || result == -EBADF || result == -EINVAL);
    remove_group();
    return;
  }
  CHECK_IS(of_myself.counters.events, 2);
  CHECK_IS(counters_read(&of_myself.counters, 0, &before), 0);
  burn();
  CHECK_IS(counters_read(&of_myself.counters, 0, &after), 0);
  CHECK(after.value > before.value);
  CHECK_IS(STEP(step_open_counters, text(group), events(CLOCKS, 2)), -EINVAL);
  DETAIL_HAS("open-counters");
  remove_group();
}

static void refused_counters(void) {
  struct counted_event many[MAX_COUNTED_EVENTS + 1] = {0};
  CHECK_IS(STEP(step_open_counters, text(scratch("")), events(CLOCKS, 1)), -EINVAL);
  context.launch = &of_myself;
  REFUSES(EINVAL, "events 0", step_open_counters, text(scratch("")), data("", 0));
  REFUSES(EINVAL, "events 17", step_open_counters, text(scratch("")), events(many, MAX_COUNTED_EVENTS + 1));
  REFUSES(EINVAL, "events 1", step_open_counters, text(scratch("")), data((const char *)CLOCKS, sizeof CLOCKS[0] + 1));
  REFUSES(ENOENT, "none", step_open_counters, text(scratch("none")), events(CLOCKS, 1));
  make_file(scratch("file"), "");
  REFUSES(ENOTDIR, "file", step_open_counters, text(scratch("file")), events(CLOCKS, 1));
  CHECK_IS(of_myself.counters.events, 0);
  /* No cgroup; and the event is told by its place. */
  make_dir(scratch("directory"));
  CHECK(STEP(step_open_counters, text(scratch("directory")), events(CLOCKS, 1)) < 0);
  DETAIL_HAS("event 0");
}

const struct test KERNEL_TESTS[] = {
    {"a filter of system calls is in force", filter},
    {"a filter is taken from any address", unaligned_filter},
    {"a filter that is none is refused", refused_filter},
    {"a filter takes a right, or the promise to gain none", filter_without_rights},
    {"a device program is in force, and another takes its place", devices},
    {"a device program that is none, or for no group, is refused", refused_devices},
    {"counters of a group count what runs in it", counters},
    {"counters of too many events, of none, or of no group are refused", refused_counters},
    {NULL, NULL},
};
