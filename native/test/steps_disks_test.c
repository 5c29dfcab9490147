#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

#define DISK_BYTES (UINT64_C(8) << 20)
#define PROJECT 4711

/* Zeros into a file of the slot, until it refuses them; the errno, or 0. */
static int fill(int directory, const char *name, size_t bytes) {
  static const char zeros[65536];
  int file = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), error = 0;
  CHECK(file >= 0);
  for (size_t done = 0; error == 0 && done < bytes; done += sizeof zeros) {
    if (write(file, zeros, sizeof zeros) < 0) error = errno;
  }
  close(file);
  return error;
}

/* A host without loop devices, or without mkfs.ext4, says so. */
static int has_disks(void) {
  int result = STEP(step_create_disk, number(0), text(scratch("disk")), number(DISK_BYTES));
  if (result == 0) return 1;
  CHECK(result == -ENOEXEC || result == -ENOENT || result == -ENXIO || result == -ENODEV || result == -EPERM);
  DETAIL_HAS("disk");
  return 0;
}

static void disk(void) {
  struct statfs status;
  struct stat file;
  if (!has_disks()) return;
  CHECK(fstatfs(context.slots[0], &status) == 0 && status.f_type == EXT4_SUPER_MAGIC);
  CHECK(stat(scratch("disk"), &file) == 0 && file.st_size == (off_t)DISK_BYTES && (file.st_mode & 0777) == 0600);
  CHECK(faccessat(context.slots[0], "upper", F_OK, 0) == 0 && faccessat(context.slots[0], "work", F_OK, 0) == 0);
  CHECK_IS(fill(context.slots[0], "upper/much", 2 * DISK_BYTES), ENOSPC);
}

static void kept_disk(void) {
  if (!has_disks()) return;
  CHECK_IS(mkdirat(context.slots[0], "upper/kept", 0755), 0);
  CHECK(close(context.slots[0]) == 0);
  context.slots[0] = -1;
  CHECK_IS(STEP(step_create_disk, number(1), text(scratch("disk")), number(DISK_BYTES)), 0);
  CHECK(faccessat(context.slots[1], "upper/kept", F_OK, 0) == 0);
}

static void refused_disk(void) {
  REFUSES(ENOENT, "none/disk", step_create_disk, number(0), text(scratch("none/disk")), number(DISK_BYTES));
  make_dir(scratch("directory"));
  REFUSES(EISDIR, "directory", step_create_disk, number(0), text(scratch("directory")), number(DISK_BYTES));
  make_file(scratch("target"), "");
  make_link(scratch("target"), scratch("link"));
  REFUSES(ELOOP, "link", step_create_disk, number(0), text(scratch("link")), number(DISK_BYTES));
  /* Too small for any file system, which mkfs says at length. */
  int said = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  CHECK(said >= 0 && dup2(nowhere, STDERR_FILENO) == STDERR_FILENO);
  int result = STEP(step_create_disk, number(0), text(scratch("small")), number(512));
  CHECK(dup2(said, STDERR_FILENO) == STDERR_FILENO);
  CHECK(result == -EIO || result == -ENOEXEC);
  DETAIL_HAS("small");
}

/* What somebody left under the name is no file system, and is not made one. */
static void foreign_disk(void) {
  if (!has_disks()) return;
  CHECK(close(context.slots[0]) == 0);
  context.slots[0] = -1;
  make_file(scratch("foreign"), "not a file system");
  CHECK(truncate(scratch("foreign"), (off_t)DISK_BYTES) == 0);
  REFUSES(EINVAL, "foreign", step_create_disk, number(0), text(scratch("foreign")), number(DISK_BYTES));
  CHECK(strcmp(content_of(scratch("foreign")), "not a file system") == 0);
}

static void filled_slot(void) {
  if (!has_disks()) return;
  CHECK_IS(STEP(step_create_disk, number(0), text(scratch("other")), number(DISK_BYTES)), -EEXIST);
  CHECK_IS(STEP(step_create_disk, number(FD_SLOTS), text(scratch("third")), number(DISK_BYTES)), -EINVAL);
}

/* ext4 with project quotas at `quotas`; not every kernel has them. */
static int mount_with_quotas(void) {
  char command[512];
  make_dir(scratch("quotas"));
  snprintf(command, sizeof command,
           "exec >/dev/null 2>&1; truncate -s 64M %s && mkfs.ext4 -q -O quota,project -E quotatype=prjquota %s && mount -o loop,prjquota %s %s",
           scratch("image"), scratch("image"), scratch("image"), scratch("quotas"));
  return system(command) == 0;
}

static void project_quota(void) {
  if (!mount_with_quotas()) return;
  make_dir(scratch("quotas/mine"));
  CHECK_IS(STEP(step_set_project_quota, text(scratch("quotas/mine")), number(PROJECT), number(DISK_BYTES)), 0);
  int directory = open(scratch("quotas/mine"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct fsxattr attributes;
  CHECK(ioctl(directory, FS_IOC_FSGETXATTR, &attributes) == 0);
  CHECK_IS(attributes.fsx_projid, PROJECT);
  CHECK(attributes.fsx_xflags & FS_XFLAG_PROJINHERIT);
  /* Who has CAP_SYS_RESOURCE is bounded by none. */
  without_capabilities(UINT64_C(1) << CAP_SYS_RESOURCE);
  int refused = fill(directory, "much", 2 * DISK_BYTES);
  CHECK(refused == ENOSPC || refused == EDQUOT);
  CHECK_IS(STEP(step_set_project_quota, text(scratch("quotas/mine")), number(PROJECT), number(2 * DISK_BYTES)), 0);
  CHECK_IS(fill(directory, "more", DISK_BYTES / 2), 0);
  CHECK_IS(STEP(step_set_project_quota, text(scratch("quotas/mine")), number(PROJECT), number(0)), 0);
  CHECK_IS(fill(directory, "unbounded", 3 * DISK_BYTES), 0);
  close(directory);
  CHECK(umount2(scratch("quotas"), 0) == 0);
}

static void refused_quota(void) {
  make_dir(scratch("plain"));
  REFUSES(EINVAL, "project 4294967296", step_set_project_quota, text(scratch("plain")), number(UINT64_C(1) << 32), number(1));
  REFUSES(ENOENT, "none", step_set_project_quota, text(scratch("none")), number(PROJECT), number(1));
  /* What is gone has no bound to be taken off. */
  CHECK_IS(STEP(step_set_project_quota, text(scratch("none")), number(PROJECT), number(0)), 0);
  make_link(scratch("plain"), scratch("link"));
  REFUSES(ENOTDIR, "link", step_set_project_quota, text(scratch("link")), number(PROJECT), number(1));
  /* A tmpfs has none. */
  int result = STEP(step_set_project_quota, text(scratch("plain")), number(PROJECT), number(DISK_BYTES));
  CHECK(result < 0);
  DETAIL_HAS("plain");
}

static struct stat status_in(const char *path) {
  struct stat status;
  CHECK(fstatat(context.slots[0], path, &status, AT_SYMLINK_NOFOLLOW) == 0);
  return status;
}

static void owner(void) {
  CHECK_IS(STEP(step_create_mount, number(0), text("tmpfs"), text("tmpfs"), LIST("mode=0755"), number(0)), 0);
  CHECK_IS(STEP(step_make_node, number(0), text("node"), number(S_IFREG | 0600), number(0), number(0)), 0);
  CHECK_IS(STEP(step_make_symlink, number(0), text("link"), text("node")), 0);
  CHECK(mkdirat(context.slots[0], "deep", 0755) == 0 && mkdirat(context.slots[0], "deep/er", 0755) == 0);
  CHECK_IS(STEP(step_own_node, number(0), text("node"), number(1000), number(1001)), 0);
  CHECK_IS(STEP(step_own_node, number(0), text("link"), number(7), number(8)), 0);
  CHECK_IS(STEP(step_own_node, number(0), text("deep/er"), number(UINT32_MAX - 1), number(9)), 0);
  CHECK(status_in("node").st_uid == 1000 && status_in("node").st_gid == 1001);
  CHECK(status_in("link").st_uid == 7 && status_in("link").st_gid == 8);
  CHECK(status_in("deep/er").st_uid == UINT32_MAX - 1 && status_in("deep/er").st_gid == 9);
  CHECK(status_in("deep").st_uid == 0);
}

static void refused_owner(void) {
  CHECK_IS(STEP(step_own_node, number(0), text("node"), number(0), number(0)), -EBADF);
  CHECK_IS(STEP(step_create_mount, number(0), text("tmpfs"), text("tmpfs"), LIST("mode=0755"), number(0)), 0);
  REFUSES(EINVAL, "uid 4294967295", step_own_node, number(0), text("node"), number(UINT32_MAX), number(0));
  REFUSES(EINVAL, "gid 4294967296", step_own_node, number(0), text("node"), number(0), number(UINT64_C(1) << 32));
  REFUSES(ENOENT, "node", step_own_node, number(0), text("node"), number(0), number(0));
  REFUSES(ENOENT, "none/node", step_own_node, number(0), text("none/node"), number(0), number(0));
  CHECK(mkdirat(context.slots[0], "real", 0755) == 0 && mkdirat(context.slots[0], "real/node", 0755) == 0);
  CHECK_IS(STEP(step_make_symlink, number(0), text("alias"), text("real")), 0);
  REFUSES(ELOOP, "alias/node", step_own_node, number(0), text("alias/node"), number(5), number(5));
  CHECK_IS(status_in("real/node").st_uid, 0);
}

/* Each line is a write of its own, which is what a file of the kernel takes. */
static void kernel_lines(void) {
  make_file(scratch("knob"), "");
  CHECK_IS(STEP(step_write_kernel_lines, text(scratch("knob")), LIST("one\n", "two\n", "")), 0);
  CHECK(strcmp(content_of(scratch("knob")), "one\ntwo\n") == 0);
  CHECK_IS(STEP(step_write_kernel_lines, text(scratch("knob")), LIST(NULL)), 0);
}

static void refused_lines(void) {
  REFUSES(ENOENT, "none", step_write_kernel_lines, text(scratch("none")), LIST("a"));
  make_file(scratch("knob"), "kept");
  make_link(scratch("knob"), scratch("link"));
  REFUSES(ELOOP, "link", step_write_kernel_lines, text(scratch("link")), LIST("a"));
  make_dir(scratch("directory"));
  REFUSES(EISDIR, "directory", step_write_kernel_lines, text(scratch("directory")), LIST("a"));
  CHECK(strcmp(content_of(scratch("knob")), "kept") == 0);
  /* The line that the kernel refuses is named, and those before it are in force. */
  REFUSES(EINVAL, "oom_score_adj: many", step_write_kernel_lines, text("/proc/self/oom_score_adj"), LIST("321", "many", "123"));
  CHECK(strcmp(content_of("/proc/self/oom_score_adj"), "321\n") == 0);
}

const struct test DISK_TESTS[] = {
    {"a disk of fixed size takes so much and no more", disk},
    {"a disk of an earlier life keeps what is in it", kept_disk},
    {"a disk that cannot be made is refused with its path", refused_disk},
    {"a file that is no disk is refused, and left as it is", foreign_disk},
    {"a disk goes to a slot that is free", filled_slot},
    {"a project quota bounds a directory, changes and is taken off", project_quota},
    {"a project quota is refused where there is none", refused_quota},
    {"a node, a link and a directory get their owner", owner},
    {"an owner that is none, and a path that is not there, are refused", refused_owner},
    {"lines of a kernel file are written one by one", kernel_lines},
    {"a line that the kernel refuses is named", refused_lines},
    {NULL, NULL},
};
