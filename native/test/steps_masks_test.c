#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "steps_harness.h"

static void prepare(void) {
  attach_image();
  make_dir(scratch("image/dev"));
  make_dir(scratch("image/a"));
  make_dir(scratch("image/b"));
  make_file(scratch("image/a/secret"), "x");
  make_file(scratch("image/b/secret"), "x");
  make_file(scratch("image/keys"), "x");
}

static int mask(const char *path) {
  return STEP(step_mask_path, text(path));
}

static int entries(const char *path) {
  DIR *directory = opendir(path);
  CHECK(directory != NULL);
  int count = -2;
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count;
}

static void masks(void) {
  prepare();
  CHECK(mknod(scratch("image/dev/null"), S_IFCHR | 0666, makedev(1, 3)) == 0);
  CHECK_IS(mask("/keys"), 0);
  CHECK(strcmp(content_of(scratch("root/keys")), "") == 0);
  CHECK_IS(mask("/a"), 0);
  CHECK_IS(mask("/b"), 0);
  CHECK_IS(entries(scratch("root/a")), 0);
  CHECK_IS(entries(scratch("root/b")), 0);
  CHECK(mkdir(scratch("root/b/new"), 0755) < 0 && errno == EROFS);
  struct stat one, other;
  CHECK(stat(scratch("root/a"), &one) == 0 && stat(scratch("root/b"), &other) == 0);
  CHECK(one.st_dev == other.st_dev);
  CHECK_IS(mask("/none"), 0);
  CHECK_IS(mask("/keys/none"), 0);
}

static void masks_after_pivot(void) {
  prepare();
  CHECK(mknod(scratch("image/dev/null"), S_IFCHR | 0666, makedev(1, 3)) == 0);
  CHECK_IS(STEP(step_pivot_root, number(0)), 0);
  CHECK_IS(mask("/keys"), 0);
  CHECK(strcmp(content_of("/keys"), "") == 0);
  CHECK_IS(mask("/a"), 0);
  CHECK_IS(entries("/a"), 0);
}

static void refuses_false_null(void) {
  prepare();
  CHECK_IS(mask("/keys"), -ENOENT);
  DETAIL_HAS("/dev/null");
  make_link("/keys", scratch("image/dev/null"));
  CHECK_IS(mask("/keys"), -ELOOP);
  CHECK(unlink(scratch("image/dev/null")) == 0);
  CHECK(mknod(scratch("image/dev/null"), S_IFCHR | 0666, makedev(1, 5)) == 0);
  CHECK_IS(mask("/keys"), -ENODEV);
  DETAIL_HAS("/dev/null");
  CHECK(strcmp(content_of(scratch("root/keys")), "x") == 0);
}

static void read_only(void) {
  prepare();
  CHECK(mount("tmpfs", scratch("root/a"), "tmpfs", 0, NULL) == 0);
  make_dir(scratch("root/a/sub"));
  CHECK(mount("tmpfs", scratch("root/a/sub"), "tmpfs", MS_NODEV, NULL) == 0);
  CHECK_IS(STEP(step_read_only_path, text("/a")), 0);
  CHECK(mkdir(scratch("root/a/new"), 0755) < 0 && errno == EROFS);
  CHECK(mkdir(scratch("root/a/sub/new"), 0755) < 0 && errno == EROFS);
  make_dir(scratch("root/b/new"));
  CHECK_IS(STEP(step_read_only_path, text("/b/secret")), 0);
  CHECK(open(scratch("root/b/secret"), O_WRONLY) < 0 && errno == EROFS);
  CHECK_IS(STEP(step_read_only_path, text("/none")), 0);
}

static void read_only_older(void) {
  forbid_mount_setattr(ENOSYS);
  read_only();
}

const struct test MASK_TESTS[] = {
    {"masked files read as empty and masked directories are empty and read-only", masks},
    {"masks work after pivot-root", masks_after_pivot},
    {"a file is masked by the null device or not at all", refuses_false_null},
    {"a read-only path is read-only with the mounts below it", read_only},
    {"a read-only path is read-only where mount_setattr is missing", read_only_older},
    {NULL, NULL},
};
