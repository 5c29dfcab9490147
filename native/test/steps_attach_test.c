#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps_harness.h"

/* A tmpfs with a file `marker`, in the slot. */
static void prepare_tree(uint64_t slot) {
  CHECK_IS(STEP(step_create_mount, number(slot), text("tmpfs"), text("tmpfs"), LIST("mode=0755"), number(0)), 0);
  int file = openat(context.slots[slot], "marker", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  CHECK(file >= 0);
  close(file);
}

static int attach_tree(const char *target, uint64_t create, uint64_t no_symlinks) {
  prepare_tree(1);
  int result = STEP(step_attach_mount, number(1), text(target), number(create), number(no_symlinks));
  CHECK_IS(context.slots[1] >= 0, result != 0);
  if (result != 0) {
    close(context.slots[1]);
    context.slots[1] = -1;
  }
  return result;
}

static int exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static void stays_inside(void) {
  make_dir(scratch("outside"));
  attach_image();
  make_dir(scratch("image/etc"));
  make_link(scratch("outside"), scratch("image/etc/absolute"));
  make_link("../../../../../../../../../..", scratch("image/etc/up"));
  CHECK_IS(attach_tree("/etc/absolute", 1, 0), 0);
  CHECK(!exists(scratch("outside/marker")));
  char inside[512];
  snprintf(inside, sizeof(inside), "root%s/marker", scratch("outside"));
  CHECK(exists(scratch(inside)));
  CHECK_IS(attach_tree("/etc/up/made/here", 1, 0), 0);
  CHECK(exists(scratch("root/made/here/marker")));
  CHECK_IS(attach_tree("../../../../../../other", 1, 0), 0);
  CHECK(exists(scratch("root/other/marker")));
}

static void refuses_symlinks(void) {
  attach_image();
  make_dir(scratch("image/real"));
  make_link("real", scratch("image/proc"));
  make_link("real", scratch("image/sys"));
  make_link("/real", scratch("image/dev"));
  CHECK_IS(attach_tree("/proc", 1, 1), -ELOOP);
  DETAIL_HAS("/proc");
  CHECK_IS(attach_tree("/sys", 0, 1), -ELOOP);
  CHECK_IS(attach_tree("/dev", 2, 1), -ELOOP);
  CHECK_IS(attach_tree("/dev/pts", 1, 1), -ELOOP);
  CHECK(!exists(scratch("image/real/pts")));
  CHECK_IS(attach_tree("/real", 0, 1), 0);
}

static void makes_what_is_missing(void) {
  umask(077);
  attach_image();
  make_link("/run", scratch("image/var-run"));
  CHECK_IS(attach_tree("/a/b", 0, 0), -ENOENT);
  DETAIL_HAS("/a/b");
  CHECK_IS(attach_tree("/var-run//a/./b/../c/", 1, 0), 0);
  CHECK(exists(scratch("root/run/a/c/marker")));
  struct stat status;
  CHECK(stat(scratch("image/run/a"), &status) == 0);
  CHECK_IS(status.st_mode, S_IFDIR | 0755);
  make_file(scratch("file"), "x");
  CHECK_IS(STEP(step_clone_tree, number(2), text(scratch("file")), number(0), number(0)), 0);
  CHECK_IS(STEP(step_attach_mount, number(2), text("/etc/hosts"), number(2), number(0)), 0);
  CHECK(strcmp(content_of(scratch("root/etc/hosts")), "x") == 0);
  CHECK(stat(scratch("image/etc/hosts"), &status) == 0);
  CHECK_IS(status.st_mode, S_IFREG | 0644);
}

static void refuses_bad_targets(void) {
  attach_image();
  make_file(scratch("image/file"), "x");
  make_link("loop", scratch("image/loop"));
  CHECK_IS(attach_tree("/file/below", 1, 0), -ENOTDIR);
  DETAIL_HAS("/file/below");
  CHECK_IS(attach_tree("/file", 1, 0), -ENOTDIR);
  CHECK_IS(attach_tree("/loop/x", 1, 0), -ELOOP);
  CHECK_IS(attach_tree("/x", 3, 0), -EINVAL);
  char name[400];
  memset(name, 'n', sizeof(name));
  name[0] = '/';
  name[399] = '\0';
  CHECK_IS(attach_tree(name, 1, 0), -ENAMETOOLONG);
  CHECK_IS(STEP(step_attach_mount, number(7), text("/"), number(0), number(0)), -EBADF);
}

static void pivots(void) {
  attach_image();
  make_file(scratch("image/inside"), "x");
  make_dir(scratch("image/mnt"));
  const char *host_path = scratch("image");
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  CHECK_IS(context.root, -1);
  CHECK(exists("/inside") && exists("/../inside") && !exists(host_path));
  CHECK_IS(attach_tree("/mnt", 0, 0), 0);
  CHECK(exists("/mnt/marker"));
  CHECK_IS(STEP(step_read_only_root, number(0)), 0);
  CHECK(open("/new", O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
  CHECK(open("/mnt/new", O_WRONLY | O_CREAT, 0644) >= 0);
  CHECK_IS(STEP(step_pivot_root, number(0)), -EBADF);
}

static void does_not_propagate(void) {
  make_dir(scratch("shared"));
  CHECK(mount("tmpfs", scratch("shared"), "tmpfs", 0, NULL) == 0);
  CHECK(mount(NULL, scratch("shared"), NULL, MS_SHARED, NULL) == 0);
  make_dir(scratch("shared/below"));
  attach_image();
  CHECK_IS(STEP(step_clone_tree, number(2), text(scratch("shared")), number(1), number(1)), 0);
  CHECK_IS(STEP(step_attach_mount, number(2), text("/volume"), number(1), number(0)), 0);
  CHECK_IS(attach_tree("/volume/below", 0, 0), 0);
  CHECK(exists(scratch("root/volume/below/marker")));
  CHECK(!exists(scratch("shared/below/marker")));
}

static void sets_attributes(void) {
  make_dir(scratch("volume"));
  CHECK(mount("tmpfs", scratch("volume"), "tmpfs", MS_NOEXEC, NULL) == 0);
  make_dir(scratch("volume/sub mount"));
  CHECK(mount("tmpfs", scratch("volume/sub mount"), "tmpfs", 0, NULL) == 0);
  attach_image();
  CHECK_IS(STEP(step_clone_tree, number(2), text(scratch("volume")), number(1), number(1)), 0);
  CHECK_IS(STEP(step_set_mount_attributes, number(2), number(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME), number(1)), 0);
  CHECK_IS(STEP(step_attach_mount, number(2), text("/volume"), number(1), number(0)), 0);
  CHECK(open(scratch("root/volume/new"), O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
  CHECK(open(scratch("root/volume/sub mount/new"), O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
  CHECK(open(scratch("volume/new"), O_WRONLY | O_CREAT, 0755) >= 0);
  CHECK(access(scratch("root/volume/new"), X_OK) < 0);
  CHECK_IS(STEP(step_read_only_root, number(0)), 0);
  CHECK(open(scratch("root/new"), O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
}

static void sets_attributes_late(void) {
  forbid_mount_setattr(ENOSYS);
  sets_attributes();
}

/* As a filter does that is older than the call. */
static void sets_attributes_filtered(void) {
  forbid_mount_setattr(EPERM);
  sets_attributes();
}

static void private_without_mount_setattr(void) {
  forbid_mount_setattr(ENOSYS);
  does_not_propagate();
}

/* As with the monitor, which makes trees on the host, and the child that attaches them. */
static void from_another_namespace(void) {
  make_dir(scratch("volume"));
  make_dir(scratch("image"));
  make_dir(scratch("root"));
  CHECK(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0);
  CHECK_IS(STEP(step_clone_tree, number(0), text(scratch("image")), number(1), number(1)), 0);
  CHECK_IS(STEP(step_clone_tree, number(2), text(scratch("volume")), number(1), number(1)), 0);
  CHECK(unshare(CLONE_NEWNS) == 0);
  CHECK_IS(STEP(step_set_propagation, number(MS_REC | MS_PRIVATE)), 0);
  CHECK_IS(STEP(step_set_mount_attributes, number(2), number(MOUNT_ATTR_RDONLY), number(1)), 0);
  CHECK_IS(STEP(step_attach_root, number(0), text(scratch("root"))), 0);
  CHECK_IS(STEP(step_attach_mount, number(2), text("/volume"), number(1), number(0)), 0);
  CHECK(mkdir(scratch("root/volume/new"), 0755) < 0 && errno == EROFS);
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
}

/* Another container, which shares a volume, swaps a directory of it for a link that leads out (CVE-2021-30465). */
static void swapped_meanwhile(void) {
  make_dir(scratch("outside"));
  attach_image();
  make_dir(scratch("image/volume"));
  make_dir(scratch("image/volume/a"));
  make_link("../../../../../../../../../../../..", scratch("image/volume/link"));
  char target[256], from[256], to[256];
  snprintf(target, sizeof(target), "/volume/a%s", scratch("outside"));
  snprintf(from, sizeof(from), "%s", scratch("image/volume/a"));
  snprintf(to, sizeof(to), "%s", scratch("image/volume/link"));
  pid_t swapper = fork();
  CHECK(swapper >= 0);
  if (swapper == 0) {
    alarm(LONGEST_TEST_S);
    for (;;) renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
  }
  int attached = 0;
  for (int i = 0; i < 300; i++) {
    prepare_tree(1);
    attached += STEP(step_attach_mount, number(1), text(target), number(1), number(0)) == 0;
    if (context.slots[1] >= 0) close(context.slots[1]);
    context.slots[1] = -1;
  }
  CHECK(kill(swapper, SIGKILL) == 0 && waitpid(swapper, NULL, 0) == swapper);
  CHECK(attached > 0);
  CHECK(!exists(scratch("outside/marker")));
}

static void read_only_root_older(void) {
  forbid_mount_setattr(ENOSYS);
  attach_image();
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  CHECK_IS(STEP(step_read_only_root, number(0)), 0);
  CHECK(mkdir("/new", 0755) < 0 && errno == EROFS);
}

static void sets_propagation(void) {
  CHECK_IS(STEP(step_set_propagation, number(MS_REC | MS_SLAVE)), 0);
  CHECK_IS(STEP(step_set_propagation, number(MS_REMOUNT)), -EINVAL);
}

const struct test ATTACH_TESTS[] = {
    {"a mount point through a symlink that leads outside stays inside the root", stays_inside},
    {"proc, sys and dev that are symlinks are refused where none are allowed", refuses_symlinks},
    {"missing directories and files are made with plain modes", makes_what_is_missing},
    {"a mount point below a file, in a loop or with an endless name is refused", refuses_bad_targets},
    {"after pivot-root nothing of the host is left", pivots},
    {"what is mounted in a copy of a shared mount does not appear outside", does_not_propagate},
    {"attributes hold for a whole tree", sets_attributes},
    {"attributes are set after attaching where mount_setattr is missing", sets_attributes_late},
    {"attributes are set after attaching where a filter refuses mount_setattr", sets_attributes_filtered},
    {"copies are private where mount_setattr is missing", private_without_mount_setattr},
    {"trees made on the host are attached in another mount namespace", from_another_namespace},
    {"a path that is swapped meanwhile never leads outside", swapped_meanwhile},
    {"the root is read-only where mount_setattr and proc are missing", read_only_root_older},
    {"propagation takes no other flags", sets_propagation},
    {NULL, NULL},
};
