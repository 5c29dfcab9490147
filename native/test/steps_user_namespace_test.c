#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

#define MAP "0 100000 65536\n"
#define OTHER_MAP "0 200000 1000\n"
#define BIT(number) (UINT64_C(1) << (number))

static int write_maps(const char *uids, const char *gids) {
  return STEP(step_write_id_maps, text(uids), text(gids));
}

static int maps_of(const char *process, const char *name, unsigned first) {
  char path[64];
  unsigned inside, outside, count;
  snprintf(path, sizeof(path), "/proc/%s/%s", process, name);
  const char *map = content_of(path);
  return map != NULL && sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 && outside == first;
}

static void maps_nobody(void) {
  struct held before = held_now();
  CHECK_IS(write_maps(MAP, OTHER_MAP), 0);
  before.descriptors++;
  CHECK_HELD(before);
  pid_t child = fork();
  if (child == 0) {
    CHECK(setns(context.user_namespace, CLONE_NEWUSER) == 0);
    _exit(maps_of("self", "uid_map", 100000) && maps_of("self", "gid_map", 200000) ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  REFUSES(EEXIST, "written already", step_write_id_maps, text(MAP), text(MAP));
  step_context_end(&context);
  CHECK_IS(context.user_namespace, -1);
}

static void maps_child(void) {
  struct other other = other_start(CLONE_NEWUSER, NULL);
  struct launch launch = {.child = other.pid};
  char process[16];
  context.launch = &launch;
  CHECK_IS(write_maps(MAP, OTHER_MAP), 0);
  snprintf(process, sizeof(process), "%d", other.pid);
  CHECK(maps_of(process, "uid_map", 100000) && maps_of(process, "gid_map", 200000));
  struct stat held, wanted;
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/ns/user", other.pid);
  CHECK(fstat(context.user_namespace, &held) == 0 && stat(path, &wanted) == 0);
  CHECK_IS(held.st_ino, wanted.st_ino);
}

static void refuses_maps(void) {
  REFUSES(EINVAL, "gid_map: zero", step_write_id_maps, text(MAP), text("zero"));
  REFUSES(EINVAL, "uid_map: 0 1", step_write_id_maps, text("0 1"), text(MAP));
  REFUSES(EINVAL, "uid_map", step_write_id_maps, text("0 100000 10\n5 200000 10\n"), text(MAP));
  REFUSES(EINVAL, "gid_map", step_write_id_maps, text(MAP), text(""));
  CHECK_IS(context.user_namespace, -1);
  struct other other = other_start(CLONE_NEWUSER, NULL);
  struct launch launch = {.child = other.pid};
  context.launch = &launch;
  other_end(&other);
  REFUSES(ENOENT, "gid_map", step_write_id_maps, text(MAP), text(MAP));
  CHECK_IS(context.user_namespace, -1);
}

static uid_t owner_of(const char *path) {
  struct stat status;
  CHECK(lstat(path, &status) == 0);
  return status.st_uid;
}

static void owns_files(void) {
  struct stat status;
  make_dir(scratch("closed"));
  CHECK(chown(scratch("closed"), 5, 5) == 0 && chmod(scratch("closed"), 0700) == 0);
  CHECK_IS(STEP(step_set_file_owner, number(100000), number(200000)), 0);
  make_file(scratch("closed/file"), "x");
  CHECK(stat(scratch("closed/file"), &status) == 0);
  CHECK(status.st_uid == 100000 && status.st_gid == 200000);
  step_context_end(&context);
  make_file(scratch("closed/later"), "x");
  CHECK(stat(scratch("closed/later"), &status) == 0 && status.st_uid == 0 && status.st_gid == 0);
}

static void refuses_file_owner(void) {
  REFUSES(EINVAL, "uid 4294967295", step_set_file_owner, number(UINT32_MAX), number(0));
  REFUSES(EINVAL, "gid 4294967296", step_set_file_owner, number(0), number(UINT64_C(1) << 32));
  without_capabilities(BIT(CAP_SETUID));
  REFUSES(EPERM, "file owner 100000", step_set_file_owner, number(100000), number(100000));
  step_context_end(&context);
  make_file(scratch("file"), "x");
  CHECK_IS(owner_of(scratch("file")), 0);
}

static void owns_streams(void) {
  int in[2], out[2];
  make_file(scratch("file"), "x");
  CHECK(pipe(in) == 0 && pipe(out) == 0);
  struct launch launch = {.stdin_write = in[1], .stdout_read = out[0], .stderr_read = open(scratch("file"), O_RDONLY)};
  context.launch = &launch;
  CHECK_IS(STEP(step_own_streams, number(100000), number(200000)), 0);
  struct stat status;
  CHECK(fstat(in[0], &status) == 0 && status.st_uid == 100000 && status.st_gid == 200000);
  CHECK(fstat(out[1], &status) == 0 && status.st_uid == 100000);
  CHECK_IS(owner_of(scratch("file")), 0);
  launch.stderr_read = -1;
  CHECK_IS(STEP(step_own_streams, number(0), number(0)), 0);
  REFUSES(EINVAL, "uid", step_own_streams, number(UINT32_MAX), number(0));
  REFUSES(EINVAL, "gid", step_own_streams, number(0), number(UINT32_MAX));
  close(out[0]);
  REFUSES(EBADF, "stream 1", step_own_streams, number(0), number(0));
  launch.stdout_read = -1;
  without_capabilities(BIT(CAP_CHOWN));
  REFUSES(EPERM, "stream 0", step_own_streams, number(7), number(7));
  context.launch = NULL;
  REFUSES(EINVAL, "no streams", step_own_streams, number(0), number(0));
}

static void becomes_root(void) {
  const gid_t groups[] = {5, 6};
  CHECK(setgroups(2, groups) == 0);
  CHECK_IS(write_maps(MAP, MAP), 0);
  CHECK(setns(context.user_namespace, CLONE_NEWUSER) == 0);
  CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  CHECK(getuid() == 65534 || getuid() == 0);
  CHECK_IS(STEP(step_become_root, number(0)), 0);
  CHECK_IS(getuid() + geteuid() + getgid() + getegid(), 0);
  CHECK_IS(getgroups(0, NULL), 0);
  CHECK_IS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
  CHECK_IS(status_field("Uid:", 10), 0);
}

static void no_root_without_maps(void) {
  CHECK(unshare(CLONE_NEWUSER) == 0);
  REFUSES(EPERM, "supplementary groups", step_become_root, number(0));
}

const struct test USER_NAMESPACE_TESTS[] = {
    {"maps are written for a namespace that no process holds", maps_nobody},
    {"maps are written for the child of a launch", maps_child},
    {"maps that the kernel refuses are named, and no namespace is kept", refuses_maps},
    {"files are made for another owner with all rights, until the end of the steps", owns_files},
    {"owners that do not exist or may not be taken are refused", refuses_file_owner},
    {"pipes are given away, other streams are not", owns_streams},
    {"root of a user namespace has no groups and cannot be traced", becomes_root},
    {"nobody becomes root of a namespace without maps", no_root_without_maps},
    {NULL, NULL},
};
