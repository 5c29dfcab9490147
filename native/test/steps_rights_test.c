#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steps_harness.h"

#define BIT(number) (UINT64_C(1) << (number))

static int apply(uint64_t bounding, uint64_t others, uint64_t ambient) {
  return STEP(step_apply_credentials, number(bounding), number(others), number(others), number(ambient), number(ambient));
}

static void root_with_some(void) {
  uint64_t some = BIT(CAP_KILL) | BIT(CAP_CHOWN) | BIT(CAP_NET_BIND_SERVICE);
  CHECK_IS(apply(some, some, 0), 0);
  CHECK_IS(status_field("CapBnd", 16), some);
  CHECK_IS(status_field("CapPrm", 16), some);
  CHECK_IS(status_field("CapEff", 16), some);
  CHECK_IS(status_field("CapInh", 16), 0);
  CHECK_IS(status_field("CapAmb", 16), 0);
}

static void user_with_none(void) {
  context.credentials = (struct credentials){.uid = 1234, .gid = 2345, .group_count = 2, .groups = {5, 6}};
  CHECK_IS(apply(BIT(CAP_KILL), 0, 0), 0);
  CHECK_IS(status_field("CapEff", 16), 0);
  CHECK_IS(status_field("CapPrm", 16), 0);
  CHECK_IS(status_field("CapBnd", 16), BIT(CAP_KILL));
  CHECK_IS(status_field("Uid:", 10), 1234);
  CHECK_IS(status_field("Gid:", 10), 2345);
  CHECK(strstr(content_of("/proc/self/status"), "Groups:\t5 6 \n") != NULL);
  CHECK(setuid(0) < 0 && errno == EPERM);
}

static void user_with_ambient(void) {
  uint64_t bind = BIT(CAP_NET_BIND_SERVICE);
  context.credentials = (struct credentials){.uid = 1234, .gid = 2345};
  CHECK_IS(apply(bind, bind, bind), 0);
  CHECK_IS(status_field("CapAmb", 16), bind);
  CHECK_IS(status_field("CapEff", 16), bind);
  CHECK_IS(status_field("CapInh", 16), bind);
}

static void unknown_ones(void) {
  uint64_t beyond = BIT(CAP_KILL) | BIT(62) | BIT(63);
  CHECK_IS(apply(beyond, beyond, 0), 0);
  CHECK_IS(status_field("CapEff", 16), BIT(CAP_KILL));
}

static void missing_one(void) {
  CHECK(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0) == 0);
  CHECK_IS(apply(BIT(CAP_SYS_TIME), 0, 0), -EPERM);
  DETAIL_HAS("capability 25");
  CHECK_IS(apply(BIT(CAP_KILL), BIT(CAP_KILL), 0), 0);
  CHECK_IS(apply(BIT(CAP_KILL), BIT(CAP_KILL) | BIT(CAP_CHOWN), 0), -EPERM);
  DETAIL_HAS("capability 0");
}

static void small_ones(void) {
  CHECK_IS(STEP(step_no_new_privileges, number(0)), 0);
  CHECK_IS(status_field("NoNewPrivs:", 10), 1);
  CHECK_IS(STEP(step_set_umask, number(027)), 0);
  CHECK_IS(umask(0), 027);
  CHECK_IS(STEP(step_set_umask, number(01000)), -EINVAL);
  CHECK_IS(STEP(step_unshare, number(CLONE_NEWCGROUP)), 0);
  CHECK_IS(STEP(step_unshare, number(CLONE_NEWCGROUP | CLONE_VM | CLONE_PARENT)), -EINVAL);
}

static void hostname(void) {
  char name[65] = "";
  CHECK_IS(STEP(step_set_hostname, text("pod-1")), 0);
  CHECK(gethostname(name, sizeof(name)) == 0 && strcmp(name, "pod-1") == 0);
  char longer[80];
  memset(longer, 'h', sizeof(longer));
  longer[79] = '\0';
  CHECK_IS(STEP(step_set_hostname, text(longer)), -EINVAL);
}

static int workdir(const char *path, uint64_t create) {
  return STEP(step_set_workdir, text(path), number(create));
}

static void makes_workdir(void) {
  attach_image();
  make_file(scratch("image/file"), "x");
  make_link("/srv/app", scratch("image/link"));
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  context.credentials = (struct credentials){.uid = 1234, .gid = 2345};
  CHECK_IS(workdir("/srv/app/data", 0), -ENOENT);
  DETAIL_HAS("/srv/app/data");
  CHECK_IS(workdir("/link/data", 1), 0);
  char now[256];
  CHECK(getcwd(now, sizeof(now)) != NULL && strcmp(now, "/srv/app/data") == 0);
  struct stat status;
  CHECK(stat("/srv", &status) == 0);
  CHECK_IS(status.st_uid, 1234);
  CHECK_IS(status.st_gid, 2345);
  CHECK(stat("/", &status) == 0);
  CHECK_IS(status.st_uid, 0);
  make_dir("/after");
  CHECK(stat("/after", &status) == 0);
  CHECK_IS(status.st_uid, 0);
  CHECK_IS(workdir("/file", 0), -ENOTDIR);
  CHECK_IS(workdir("/file/x", 1), -ENOTDIR);
  CHECK_IS(workdir("/", 0), 0);
}

static void workdir_as_user(void) {
  attach_image();
  make_dir(scratch("image/closed"));
  CHECK(chmod(scratch("image/closed"), 0700) == 0);
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  context.credentials = (struct credentials){.uid = 1234, .gid = 2345};
  CHECK_IS(apply(0, 0, 0), 0);
  CHECK_IS(workdir("/closed", 0), -EACCES);
  CHECK_IS(workdir("/new", 1), -EACCES);
  DETAIL_HAS("/new");
}

/* A descriptor of the host that was left open must not become the working directory by way of /proc. */
static void workdir_through_descriptor(void) {
  CHECK_IS(STEP(step_create_mount, number(1), text("proc"), text("proc"), list((const char *const[]){NULL}), number(0)), 0);
  int host = dup(open("/", O_PATH | O_DIRECTORY));
  CHECK(host >= 0);
  attach_image();
  CHECK_IS(STEP(step_attach_mount, number(1), text("/proc"), number(1), number(1)), 0);
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", host);
  CHECK_IS(workdir(path, 0), -ELOOP);
  CHECK_IS(workdir(path, 1), -ELOOP);
  CHECK_IS(workdir("/proc/self/cwd", 0), -ELOOP);
}

const struct test RIGHTS_TESTS[] = {
    {"root keeps the capabilities of the plan and no others", root_with_some},
    {"another user without capabilities has none and its groups", user_with_none},
    {"another user may have ambient capabilities", user_with_ambient},
    {"capabilities that the kernel does not know are left out", unknown_ones},
    {"a capability that is not held is named", missing_one},
    {"no_new_privs, umask and unshare do what they say", small_ones},
    {"the hostname is set", hostname},
    {"a missing workdir is made as the user and belongs to it", makes_workdir},
    {"after apply-credentials the user's own rights count for the workdir", workdir_as_user},
    {"a workdir through a descriptor in proc is refused", workdir_through_descriptor},
    {NULL, NULL},
};
