#include "steps_harness.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PATH 4096

struct step_context context;
static char scratch_directory[64];

_Noreturn void test_fail(const char *file, int line, const char *what, long got) {
  dprintf(STDERR_FILENO, "%s:%d: %s (got %ld, detail '%s')\n", file, line, what, got, context.detail);
  _exit(1);
}

struct value number(uint64_t value) {
  return (struct value){.number = value};
}

struct value text(const char *value) {
  return (struct value){.bytes = value, .length = (uint32_t)strlen(value)};
}

struct value data(const char *bytes, uint32_t length) {
  return (struct value){.bytes = bytes, .length = length};
}

struct value list(const char *const *items) {
  uint32_t length = 0, count = 0;
  for (; items[count] != NULL; count++) length += 4 + (uint32_t)strlen(items[count]) + 1;
  char *bytes = malloc(length + 1), *at = bytes;
  CHECK(bytes != NULL);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t size = (uint32_t)strlen(items[i]);
    memcpy(at, &size, 4);
    memcpy(at + 4, items[i], size + 1);
    at += 4 + size + 1;
  }
  return (struct value){.bytes = bytes, .length = length, .count = count};
}

const char *scratch(const char *path) {
  static char ring[16][MAX_PATH];
  static int next;
  char *buffer = ring[next++ % 16];
  snprintf(buffer, MAX_PATH, "%s/%s", scratch_directory, path);
  return buffer;
}

void make_dir(const char *path) {
  CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
}

void make_file(const char *path, const char *content) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  CHECK(file >= 0);
  CHECK(write(file, content, strlen(content)) == (ssize_t)strlen(content));
  close(file);
}

void make_link(const char *target, const char *path) {
  CHECK(symlink(target, path) == 0);
}

const char *content_of(const char *path) {
  static char buffer[65536];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  ssize_t length = read(file, buffer, sizeof(buffer) - 1);
  close(file);
  if (length < 0) return NULL;
  buffer[length] = '\0';
  return buffer;
}

uint64_t status_field(const char *field, int base) {
  const char *status = content_of("/proc/self/status");
  CHECK(status != NULL);
  const char *line = strstr(status, field);
  CHECK(line != NULL);
  return strtoull(line + strlen(field) + 1, NULL, base);
}

void attach_image(void) {
  make_dir(scratch("image"));
  make_dir(scratch("root"));
  CHECK_IS(STEP(step_clone_tree, number(0), text(scratch("image")), number(0), number(1)), 0);
  CHECK_IS(STEP(step_attach_root, number(0), text(scratch("root"))), 0);
}

void forbid_mount_setattr(int error) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount_setattr, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

/* Steps that other parts of the helper bring; no test here gets to them. */
#define STAND_IN(step) \
  int step(struct step_context *of, const struct value *values) { \
    (void)of; \
    (void)values; \
    return -ENOSYS; \
  }
STAND_IN(step_await_host)
STAND_IN(step_await_start)
STAND_IN(step_await_hooks)
STAND_IN(step_await_mounts)
STAND_IN(step_exec)

static _Noreturn void run_alone(const struct test *test) {
  step_context_init(&context, NULL);
  alarm(LONGEST_TEST_S);
  CHECK(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) == 0);
  CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
  CHECK(mount("tmpfs", scratch_directory, "tmpfs", 0, "mode=0755") == 0);
  test->run();
  _exit(0);
}

/* Whatever a test that failed has left in its groups (see make_groups) ends with it. */
static void clean_groups(pid_t child) {
  static const char *const hierarchies[] = {"freezer", "pids", "unified"};
  for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
    char path[128];
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/isopod-steps-%d", hierarchies[i], child);
    STEP(step_kill_cgroup, text(path), number(i == 2 ? 2 : 1), number(1000));
    STEP(step_remove_cgroup, text(path), number(1000));
  }
}

static int run(const struct test *test) {
  snprintf(scratch_directory, sizeof(scratch_directory), "/tmp/isopod-steps-%d", getpid());
  CHECK(mkdir(scratch_directory, 0700) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) run_alone(test);
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  clean_groups(child);
  CHECK(rmdir(scratch_directory) == 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Without an argument: lists the tests. With a name: runs that one in namespaces of its own. */
int main(int argc, char **argv) {
  const struct test *lists[] = {MOUNT_TESTS, ATTACH_TESTS, MASK_TESTS, USER_TESTS, RIGHTS_TESTS, HOST_TESTS, CGROUP_TESTS,
                                SETTINGS_TESTS, NAMESPACE_TESTS, USER_NAMESPACE_TESTS, MAPPED_TESTS,
                                VOLUME_TESTS, TREE_TESTS, IDMAP_TESTS, PROGRAM_TESTS, DISK_TESTS, KERNEL_TESTS, ROOTFS_TESTS,
                                SETTLE_TESTS};
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    for (const struct test *test = lists[i]; test->name != NULL; test++) {
      if (argc < 2) dprintf(STDOUT_FILENO, "%s\n", test->name);
      else if (strcmp(argv[1], test->name) == 0) return run(test);
    }
  }
  if (argc >= 2) dprintf(STDERR_FILENO, "no such test: %s\n", argv[1]);
  return argc < 2 ? 0 : 2;
}
