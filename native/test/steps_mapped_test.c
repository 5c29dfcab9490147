#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

#define MAP "0 100000 65536\n"

static void write_maps(void) {
  CHECK_IS(STEP(step_write_id_maps, text(MAP), text(MAP)), 0);
}

static struct stat status_of(const char *path) {
  struct stat status;
  CHECK(lstat(path, &status) == 0);
  return status;
}

static int clone_to(uint64_t slot, const char *path) {
  return STEP(step_clone_tree, number(slot), text(path), number(1), number(0));
}

static void attach(uint64_t slot, const char *path) {
  make_dir(path);
  CHECK_IS(STEP(step_attach_at, number(slot), text(path)), 0);
}

static void maps_trees(void) {
  make_dir(scratch("volume"));
  make_file(scratch("volume/file"), "x");
  CHECK(chown(scratch("volume/file"), 7, 8) == 0);
  write_maps();
  CHECK_IS(clone_to(1, scratch("volume")), 0);
  CHECK_IS(STEP(step_map_tree, number(1), text("/volume")), 0);
  /* No tree is mapped twice. */
  REFUSES(EPERM, "/volume", step_map_tree, number(1), text("/volume"));
  attach(1, scratch("seen"));
  CHECK(status_of(scratch("seen/file")).st_uid == 100007 && status_of(scratch("seen/file")).st_gid == 100008);
  CHECK(status_of(scratch("volume/file")).st_uid == 7);
}

static void refuses_to_map(void) {
  make_dir(scratch("volume"));
  REFUSES(EBADF, "slot 1", step_map_tree, number(1), text("/volume"));
  CHECK_IS(clone_to(1, scratch("volume")), 0);
  REFUSES(EBADF, "no maps are written", step_map_tree, number(1), text("/volume"));
  write_maps();
  REFUSES(EINVAL, "slot 200", step_map_tree, number(200), text("/volume"));
  CHECK_IS(STEP(step_create_mount, number(2), text("proc"), text("proc"), LIST(""), number(0)), -EINVAL);
  CHECK_IS(clone_to(2, "/proc"), 0);
  REFUSES(EINVAL, "/proc", step_map_tree, number(2), text("/proc"));
}

static void make_layers(void) {
  make_dir(scratch("low"));
  make_dir(scratch("high"));
  make_dir(scratch("own"));
  make_dir(scratch("own/upper"));
  make_dir(scratch("own/work"));
  make_file(scratch("low/same"), "low");
  make_file(scratch("high/same"), "high");
  make_file(scratch("low/deep"), "low");
}

static int mapped_overlay(const char *upper, const char *work, struct value layers) {
  return STEP(step_create_mapped_overlay, number(3), layers, text(upper), text(work), number(MOUNT_ATTR_NODEV));
}

/* What the overlay makes in its work directory is root's of the container already, or it would be read-only. */
static void maps_overlays(void) {
  make_layers();
  write_maps();
  CHECK_IS(STEP(step_set_file_owner, number(100000), number(100000)), 0);
  struct held before = held_now();
  CHECK_IS(mapped_overlay(scratch("own/upper"), scratch("own/work"), LIST(scratch("high"), scratch("low"))), 0);
  before.descriptors++;
  CHECK_HELD(before);
  attach(3, scratch("root"));
  CHECK(strcmp(content_of(scratch("root/same")), "high") == 0);
  CHECK_IS(status_of(scratch("root/deep")).st_uid, 100000);
  make_file(scratch("root/new"), "x");
  CHECK_IS(status_of(scratch("own/upper/new")).st_uid, 0);
}

static void maps_only_layer(void) {
  make_layers();
  write_maps();
  struct held before = held_now();
  CHECK_IS(mapped_overlay("", "", LIST(scratch("low"))), 0);
  before.descriptors++;
  CHECK_HELD(before);
  attach(3, scratch("root"));
  CHECK_IS(status_of(scratch("root/deep")).st_uid, 100000);
  CHECK(open(scratch("root/new"), O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
}

static void refuses_mapped_overlay(void) {
  make_layers();
  struct value upper = text(scratch("own/upper")), work = text(scratch("own/work")), layers = LIST(scratch("low")), none = number(0);
  REFUSES(EBADF, "no maps are written", step_create_mapped_overlay, number(3), layers, upper, work, none);
  write_maps();
  struct value missing = LIST(scratch("low"), scratch("none"));
  REFUSES(ENOENT, "/none", step_create_mapped_overlay, number(3), missing, upper, work, none);
  REFUSES(EINVAL, "without layers", step_create_mapped_overlay, number(3), LIST(NULL), upper, work, none);
  REFUSES(EINVAL, "/own/upper", step_create_mapped_overlay, number(3), layers, upper, text(scratch("low/work")), none);
  REFUSES(EINVAL, "upper", step_create_mapped_overlay, number(3), layers, text("upper"), text("work"), none);
  REFUSES(EINVAL, "attributes", step_create_mapped_overlay, number(3), layers, upper, work, number(UINT64_C(1) << 32));
  CHECK(rmdir(scratch("own/work")) == 0);
  REFUSES(ENOENT, "", step_create_mapped_overlay, number(3), layers, upper, work, none);
  make_dir(scratch("own/work"));
  CHECK_IS(clone_to(3, scratch("low")), 0);
  REFUSES(EEXIST, "slot 3", step_create_mapped_overlay, number(3), layers, upper, work, none);
}

/* A file system of its own for what is written, as a disk of fixed size is. */
static void make_disk(void) {
  make_layers();
  CHECK_IS(STEP(step_create_mount, number(1), text("tmpfs"), text("tmpfs"), LIST("mode=0755"), number(0)), 0);
  CHECK(mkdirat(context.slots[1], "upper", 0755) == 0 && mkdirat(context.slots[1], "work", 0755) == 0);
}

static int overlay_on(uint64_t mapped) {
  return STEP(step_create_overlay_on, number(3), LIST(scratch("high"), scratch("low")), number(1), number(0), number(mapped));
}

static void overlay_on_disk(uint64_t mapped) {
  make_disk();
  if (mapped != 0) write_maps();
  uint64_t root = mapped != 0 ? 100000 : 0;
  CHECK_IS(STEP(step_set_file_owner, number(root), number(root)), 0);
  struct held before = held_now();
  CHECK_IS(overlay_on(mapped), 0);
  /* The disk has gone into the overlay. */
  CHECK_IS(context.slots[1], -1);
  CHECK_HELD(before);
  attach(3, scratch("root"));
  CHECK(strcmp(content_of(scratch("root/same")), "high") == 0);
  CHECK_IS(status_of(scratch("root/deep")).st_uid, root);
  make_file(scratch("root/new"), "x");
}

static void plain_overlay_on_disk(void) { overlay_on_disk(0); }
static void mapped_overlay_on_disk(void) { overlay_on_disk(1); }

static void refuses_overlay_on(void) {
  make_disk();
  struct value layers = LIST(scratch("low")), none = number(0), disk = number(1);
  REFUSES(EBADF, "slot 2", step_create_overlay_on, number(3), layers, number(2), none, none);
  REFUSES(EINVAL, "attributes", step_create_overlay_on, number(3), layers, disk, number(UINT64_C(1) << 32), none);
  REFUSES(EBADF, "no maps are written", step_create_overlay_on, number(3), layers, disk, none, number(1));
  REFUSES(EINVAL, "without layers", step_create_overlay_on, number(3), LIST(NULL), disk, none, none);
  REFUSES(ENOENT, "", step_create_overlay_on, number(3), LIST(scratch("none"), scratch("low")), disk, none, none);
  CHECK(context.slots[1] >= 0);
  CHECK(unlinkat(context.slots[1], "work", AT_REMOVEDIR) == 0);
  REFUSES(ENOENT, "", step_create_overlay_on, number(3), layers, disk, none, none);
  CHECK(context.slots[1] >= 0);
}

static void furnish_tree(void) {
  CHECK_IS(STEP(step_create_mount, number(1), text("tmpfs"), text("tmpfs"), LIST("mode=0755"), number(0)), 0);
  CHECK_IS(clone_to(2, scratch("")), 0);
  int tree = context.slots[1];
  make_file(scratch("outside"), "x");
  CHECK(mkdirat(tree, "dir", 02750) == 0 && fchmodat(tree, "dir", 02750, 0) == 0);
  int file = openat(tree, "dir/program", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  struct vfs_cap_data capability = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {{.permitted = 1}}};
  CHECK(file >= 0 && fchown(file, 33, 44) == 0 && fchmod(file, 04755) == 0);
  CHECK(fsetxattr(file, "security.capability", &capability, XATTR_CAPS_SZ_2, 0) == 0);
  close(file);
  CHECK(linkat(tree, "dir/program", tree, "second", 0) == 0);
  CHECK(symlinkat(scratch("outside"), tree, "link") == 0);
  CHECK(mknodat(tree, "fifo", S_IFIFO | 0600, 0) == 0);
  CHECK(mknodat(tree, "stranger", S_IFREG | 0600, 0) == 0 && fchownat(tree, "stranger", 90000, 90000, 0) == 0);
}

static void shifts_trees(void) {
  furnish_tree();
  struct held before = held_now();
  CHECK_IS(STEP(step_shift_tree, number(1), text("0 100000 65536\n"), text("0 200000 65536\n")), 0);
  CHECK_HELD(before);
  attach(1, scratch("seen"));
  struct stat program = status_of(scratch("seen/dir/program"));
  CHECK(program.st_uid == 100033 && program.st_gid == 200044);
  CHECK_IS(program.st_mode, S_IFREG | 04755);
  CHECK_IS(status_of(scratch("seen/second")).st_uid, 100033);
  struct vfs_ns_cap_data capability;
  CHECK_IS(getxattr(scratch("seen/second"), "security.capability", &capability, sizeof(capability)), XATTR_CAPS_SZ_3);
  CHECK_IS(capability.rootid, 100000);
  CHECK_IS(status_of(scratch("seen")).st_uid, 100000);
  CHECK_IS(status_of(scratch("seen/dir")).st_uid, 100000);
  CHECK_IS(status_of(scratch("seen/dir")).st_mode, S_IFDIR | 02750);
  CHECK_IS(status_of(scratch("seen/link")).st_uid, 100000);
  CHECK_IS(status_of(scratch("seen/fifo")).st_gid, 200000);
  CHECK_IS(status_of(scratch("outside")).st_uid, 0);
  CHECK_IS(status_of(scratch("seen/stranger")).st_uid, 90000);
}

static void refuses_to_shift(void) {
  furnish_tree();
  REFUSES(EBADF, "slot 9", step_shift_tree, number(9), text(MAP), text(MAP));
  REFUSES(EINVAL, "map", step_shift_tree, number(1), text("0 100000"), text(MAP));
  REFUSES(EINVAL, "map", step_shift_tree, number(1), text(MAP), text("all"));
  char many[8192] = "";
  for (int i = 0; i < 341; i++) snprintf(many + strlen(many), 32, "%d %d 1\n", i, 100000 + i);
  REFUSES(EINVAL, "map", step_shift_tree, number(1), text(many), text(MAP));
  without_capabilities(UINT64_C(1) << CAP_CHOWN);
  REFUSES(EPERM, "", step_shift_tree, number(1), text(MAP), text(MAP));
  without_capabilities(0);
  attach(1, scratch("seen"));
  CHECK_IS(status_of(scratch("seen/dir")).st_uid, 0);
  make_file(scratch("file"), "x");
  CHECK_IS(clone_to(1, scratch("file")), 0);
  REFUSES(ENOTDIR, "", step_shift_tree, number(1), text(MAP), text(MAP));
}

const struct test MAPPED_TESTS[] = {
    {"a tree is seen through the maps, and nothing is changed on disk", maps_trees},
    {"without maps, in empty slots, and where the file system has no such mounts nothing is mapped", refuses_to_map},
    {"an overlay of mapped layers writes what the container's root owns as root's", maps_overlays},
    {"a single mapped layer is read-only", maps_only_layer},
    {"mapped overlays of missing layers, of directories apart and without maps are refused", refuses_mapped_overlay},
    {"an overlay writes to a disk of its own", plain_overlay_on_disk},
    {"a mapped overlay writes to a disk of its own", mapped_overlay_on_disk},
    {"an overlay on no disk, or on one that lacks its directories, is refused, and the disk stays", refuses_overlay_on},
    {"a shifted tree keeps its modes, links and capabilities, and strangers", shifts_trees},
    {"maps that are none, and owners that may not be changed, leave a tree as it is", refuses_to_shift},
    {NULL, NULL},
};
