#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../steps/tree.h"
#include "steps_harness.h"
#include "steps_leaks.h"

static struct stat status_of(const char *path) {
  struct stat status;
  CHECK(lstat(path, &status) == 0);
  return status;
}

static int exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static void clone_to(uint64_t slot, const char *path) {
  CHECK_IS(STEP(step_clone_tree, number(slot), text(path), number(1), number(0)), 0);
}

static void make_volume(void) {
  make_dir(scratch("volume"));
  make_dir(scratch("volume/part"));
  make_file(scratch("volume/part/file"), "x");
  make_dir(scratch("volume/part/mount"));
  CHECK(mount("tmpfs", scratch("volume/part/mount"), "tmpfs", 0, NULL) == 0);
  make_file(scratch("volume/part/mount/below"), "x");
  make_link("../../../../../../../../part", scratch("volume/up"));
  make_dir(scratch("point"));
  clone_to(1, scratch("volume"));
}

static int narrow(const char *path) {
  return STEP(step_narrow_mount, number(1), text(path), text(scratch("point")));
}

static void narrows(void) {
  make_volume();
  make_dir(scratch("seen"));
  struct held before = held_now();
  CHECK_IS(narrow("/up"), 0);
  CHECK_HELD(before);
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("seen"))), 0);
  CHECK(exists(scratch("seen/file")) && exists(scratch("seen/mount/below")));
  CHECK(!exists(scratch("point/part")));
}

static void refuses_to_narrow(void) {
  make_volume();
  make_link("point", scratch("link"));
  REFUSES(EBADF, "slot 2", step_narrow_mount, number(2), text("part"), text(scratch("point")));
  REFUSES(ENOENT, "part/none", step_narrow_mount, number(1), text("part/none"), text(scratch("point")));
  REFUSES(ENOENT, "part", step_narrow_mount, number(1), text("part"), text(scratch("none")));
  REFUSES(ENOTDIR, "part", step_narrow_mount, number(1), text("part"), text(scratch("link")));
  without_capabilities(UINT64_C(1) << CAP_SYS_ADMIN);
  REFUSES(EPERM, "part", step_narrow_mount, number(1), text("part"), text(scratch("point")));
  without_capabilities(0);
  CHECK(context.slots[1] >= 0 && !exists(scratch("point/part")));
}

static void owns(void) {
  make_volume();
  make_file(scratch("outside"), "x");
  make_link(scratch("outside"), scratch("volume/out"));
  context.credentials = (struct credentials){.uid = 1234, .gid = 2345};
  struct held before = held_now();
  CHECK_IS(STEP(step_own_mount, number(1)), 0);
  CHECK_HELD(before);
  CHECK(status_of(scratch("volume")).st_uid == 1234 && status_of(scratch("volume/part/file")).st_gid == 2345);
  CHECK_IS(status_of(scratch("volume/out")).st_uid, 1234);
  CHECK_IS(status_of(scratch("outside")).st_uid, 0);
  CHECK_IS(status_of(scratch("volume/part/mount/below")).st_uid, 0);
  make_file(scratch("file"), "x");
  clone_to(2, scratch("file"));
  CHECK_IS(STEP(step_own_mount, number(2)), 0);
  CHECK_IS(status_of(scratch("file")).st_uid, 1234);
}

static void refuses_to_own(void) {
  context.credentials = (struct credentials){.uid = 1234, .gid = 2345};
  REFUSES(EBADF, "slot 1", step_own_mount, number(1));
  make_dir(scratch("volume"));
  CHECK(chdir(scratch("volume")) == 0);
  for (int level = 0; level <= TREE_LEVELS; level++) {
    make_dir("d");
    CHECK(chdir("d") == 0);
  }
  CHECK(chdir("/") == 0);
  clone_to(1, scratch("volume"));
  REFUSES(ENAMETOOLONG, "owner of all in slot 1", step_own_mount, number(1));
  without_capabilities(UINT64_C(1) << CAP_CHOWN);
  make_dir(scratch("other"));
  clone_to(2, scratch("other"));
  REFUSES(EPERM, "owner of all in slot 2", step_own_mount, number(2));
  CHECK_IS(status_of(scratch("other")).st_uid, 0);
}

static int write_in(const char *path, uint64_t mode, uint64_t uid, struct value content) {
  return STEP(step_write_in, number(1), text(path), number(mode), number(uid), number(uid + 1), content);
}

static void make_secrets(const char *size) {
  CHECK_IS(STEP(step_create_mount, number(1), text("tmpfs"), text("tmpfs"), LIST("mode=0755", size), number(0)), 0);
  CHECK(mkdirat(context.slots[1], "dir", 0755) == 0);
}

static void writes_in(void) {
  make_secrets("size=1m");
  umask(077);
  struct held before = held_now();
  CHECK_IS(write_in("dir/token", 0444, 1234, data("a\0b", 3)), 0);
  CHECK_IS(write_in("none", 0, 0, data("", 0)), 0);
  CHECK_HELD(before);
  make_dir(scratch("seen"));
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("seen"))), 0);
  struct stat status = status_of(scratch("seen/dir/token"));
  CHECK(status.st_uid == 1234 && status.st_gid == 1235 && status.st_size == 3);
  CHECK_IS(status.st_mode, S_IFREG | 0444);
  CHECK(memcmp(content_of(scratch("seen/dir/token")), "a\0b", 3) == 0);
  CHECK_IS(status_of(scratch("seen/none")).st_mode, S_IFREG);
}

#define REFUSES_WRITE(error, text_, path, mode, uid, gid) \
  REFUSES(error, text_, step_write_in, number(1), text(path), number(mode), number(uid), number(gid), data("hidden", 6)); \
  CHECK(strstr(context.detail, "hidden") == NULL)

static void refuses_to_write_in(void) {
  REFUSES_WRITE(EBADF, "slot 1", "token", 0400, 0, 0);
  make_secrets("size=16k");
  CHECK_IS(write_in("there", 0400, 0, data("first", 5)), 0);
  CHECK(symlinkat("dir", context.slots[1], "way") == 0 && symlinkat("nowhere", context.slots[1], "link") == 0);
  REFUSES_WRITE(EINVAL, "mode 4096", "token", 010000, 0, 0);
  REFUSES_WRITE(EINVAL, "uid 4294967295", "token", 0400, UINT32_MAX, 0);
  REFUSES_WRITE(EINVAL, "gid 4294967295", "token", 0400, 0, UINT32_MAX);
  REFUSES_WRITE(EINVAL, "dir/..", "dir/..", 0400, 0, 0);
  REFUSES_WRITE(ENOENT, "none/token", "none/token", 0400, 0, 0);
  REFUSES_WRITE(ELOOP, "way/token", "way/token", 0400, 0, 0);
  REFUSES_WRITE(EEXIST, "there", "there", 0400, 0, 0);
  REFUSES_WRITE(EEXIST, "link", "link", 0400, 0, 0);
  static char large[65536];
  memset(large, 's', sizeof(large));
  REFUSES(ENOSPC, "large", step_write_in, number(1), text("large"), number(0400), number(0), number(0), data(large, sizeof(large)));
  CHECK(strstr(context.detail, "ss") == NULL);
}

const struct test TREE_TESTS[] = {
    {"a volume is narrowed to a part of it, links resolved inside", narrows},
    {"a part that is missing, or no place to look for it, leaves the volume whole", refuses_to_narrow},
    {"all in a volume is given away, links themselves, and no mount in it", owns},
    {"a volume too deep, or not ours to give away, is refused", refuses_to_own},
    {"files are written into a tree with their owner and mode", writes_in},
    {"files that are there, through links or too large are refused, and what they hold is told nowhere", refuses_to_write_in},
    {NULL, NULL},
};
