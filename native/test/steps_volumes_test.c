#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../steps/attach.h"
#include "steps_harness.h"
#include "steps_leaks.h"

enum { CREATE_NOT, CREATE_DIRECTORIES, CREATE_FILE, CREATE_AS_TREE };
enum { FILL_NOT, FILL_WHEN_EMPTY, FILL_COMPLETING };

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

static int attach(const char *target, uint64_t create, uint64_t propagation, uint64_t fill, uint64_t keep) {
  return STEP(step_attach_volume, number(1), text(target), number(create), number(0), number(propagation), number(fill),
              number(keep));
}

static void attaches(void) {
  attach_image();
  make_dir(scratch("volume"));
  make_file(scratch("file"), "x");
  clone_to(1, scratch("volume"));
  struct held before = held_now();
  CHECK_IS(attach("/data/deep", CREATE_AS_TREE, ATTACH_PRIVATE, FILL_NOT, 1), 0);
  CHECK(context.slots[1] >= 0);
  before.mounts++;
  CHECK_HELD(before);
  CHECK(fchdir(context.slots[1]) == 0);
  make_file("kept", "x");
  CHECK(chdir("/") == 0 && exists(scratch("root/data/deep/kept")) && exists(scratch("volume/kept")));
  close(context.slots[1]);
  context.slots[1] = -1;
  clone_to(1, scratch("file"));
  CHECK_IS(attach("/etc/conf", CREATE_AS_TREE, ATTACH_PRIVATE, FILL_WHEN_EMPTY, 0), 0);
  CHECK_IS(context.slots[1], -1);
  CHECK(strcmp(content_of(scratch("root/etc/conf")), "x") == 0);
  CHECK_IS(status_of(scratch("image/etc/conf")).st_mode, S_IFREG | 0644);
}

static void make_content(void) {
  attach_image();
  make_dir(scratch("volume"));
  make_dir(scratch("image/data"));
  make_dir(scratch("image/data/dir"));
  make_file(scratch("image/data/dir/file"), "image");
  make_link("/outside", scratch("image/data/link"));
  CHECK(chown(scratch("image/data"), 33, 44) == 0 && chmod(scratch("image/data"), 0750) == 0);
  CHECK(chmod(scratch("image/data/dir/file"), 04711) == 0);
}

static void fills(void) {
  make_content();
  make_dir(scratch("volume/lost+found"));
  clone_to(1, scratch("volume"));
  struct held before = held_now();
  CHECK_IS(attach("/data", CREATE_NOT, ATTACH_PRIVATE, FILL_WHEN_EMPTY, 0), 0);
  before.mounts++;
  before.descriptors--;
  CHECK_HELD(before);
  CHECK(strcmp(content_of(scratch("volume/dir/file")), "image") == 0);
  CHECK_IS(status_of(scratch("volume/dir/file")).st_mode, S_IFREG | 04711);
  CHECK(status_of(scratch("volume")).st_uid == 33 && status_of(scratch("volume")).st_gid == 44);
  CHECK_IS(status_of(scratch("volume")).st_mode, S_IFDIR | 0750);
  CHECK(S_ISLNK(status_of(scratch("volume/link")).st_mode));
}

static void completes(void) {
  make_content();
  make_file(scratch("volume/own"), "own");
  clone_to(1, scratch("volume"));
  CHECK_IS(attach("/data", CREATE_NOT, ATTACH_PRIVATE, FILL_WHEN_EMPTY, 1), 0);
  CHECK(!exists(scratch("volume/dir")));
  CHECK(umount2(scratch("root/data"), MNT_DETACH) == 0);
  close(context.slots[1]);
  context.slots[1] = -1;
  clone_to(1, scratch("volume"));
  CHECK_IS(attach("/data", CREATE_NOT, ATTACH_PRIVATE, FILL_COMPLETING, 0), 0);
  CHECK(exists(scratch("volume/dir/file")) && strcmp(content_of(scratch("volume/own")), "own") == 0);
}

static void mount_shared(void) {
  attach_image();
  make_dir(scratch("shared"));
  CHECK(mount("tmpfs", scratch("shared"), "tmpfs", 0, NULL) == 0);
  CHECK(mount(NULL, scratch("shared"), NULL, MS_SHARED, NULL) == 0);
  make_dir(scratch("shared/host"));
  make_dir(scratch("shared/inside"));
  clone_to(1, scratch("shared"));
}

/* What is mounted on the host, and what is mounted in the container: whether either appears on the other side. */
static void propagates(uint64_t propagation, int inwards, int outwards) {
  mount_shared();
  CHECK_IS(attach("/volume", CREATE_DIRECTORIES, propagation, FILL_NOT, 0), 0);
  CHECK(mount("tmpfs", scratch("shared/host"), "tmpfs", 0, NULL) == 0);
  make_file(scratch("shared/host/marker"), "x");
  CHECK(mount("tmpfs", scratch("root/volume/inside"), "tmpfs", 0, NULL) == 0);
  make_file(scratch("root/volume/inside/marker"), "x");
  CHECK_IS(exists(scratch("root/volume/host/marker")), inwards);
  CHECK_IS(exists(scratch("shared/inside/marker")), outwards);
}

static void propagates_nothing(void) { propagates(ATTACH_PRIVATE, 0, 0); }
static void propagates_inwards(void) { propagates(ATTACH_SLAVE, 1, 0); }
static void propagates_both_ways(void) { propagates(ATTACH_AS_IT_IS, 1, 1); }

#define REFUSES_VOLUME(error, text_, target, create, symlinks, propagation, fill) \
  REFUSES(error, text_, step_attach_volume, number(1), text(target), number(create), number(symlinks), number(propagation), \
          number(fill), number(0))

static void refuses_volumes(void) {
  make_content();
  make_link("data", scratch("image/way"));
  make_file(scratch("image/file"), "x");
  REFUSES_VOLUME(EBADF, "slot 1", "/data", CREATE_NOT, 0, ATTACH_PRIVATE, FILL_WHEN_EMPTY);
  clone_to(1, scratch("volume"));
  REFUSES_VOLUME(EINVAL, "create 4", "/data", 4, 0, ATTACH_PRIVATE, FILL_NOT);
  REFUSES_VOLUME(EINVAL, "propagation 3", "/data", CREATE_NOT, 0, 3, FILL_NOT);
  REFUSES_VOLUME(EINVAL, "fill 3", "/data", CREATE_NOT, 0, ATTACH_PRIVATE, 3);
  REFUSES_VOLUME(ENOENT, "/none", "/none", CREATE_NOT, 0, ATTACH_PRIVATE, FILL_NOT);
  REFUSES_VOLUME(ELOOP, "/way/dir", "/way/dir", CREATE_DIRECTORIES, 1, ATTACH_PRIVATE, FILL_NOT);
  REFUSES_VOLUME(ENOTDIR, "/file", "/file", CREATE_NOT, 0, ATTACH_PRIVATE, FILL_NOT);
  CHECK(context.slots[1] >= 0);
  close(context.slots[1]);
  context.slots[1] = -1;
  clone_to(1, scratch("image/file"));
  REFUSES_VOLUME(EISDIR, "/data", "/data", CREATE_NOT, 0, ATTACH_PRIVATE, FILL_NOT);
  REFUSES_VOLUME(ENOTDIR, "/file/below", "/file/below", CREATE_AS_TREE, 0, ATTACH_PRIVATE, FILL_NOT);
}

/* `/../../outside` as an image may name it. */
static void volume_stays_inside(void) {
  make_content();
  make_dir(scratch("outside"));
  make_link(scratch("outside"), scratch("image/out"));
  clone_to(1, scratch("volume"));
  CHECK_IS(attach("/../../out", CREATE_DIRECTORIES, ATTACH_PRIVATE, FILL_NOT, 1), 0);
  char inside[512];
  snprintf(inside, sizeof(inside), "image%s", scratch("outside"));
  CHECK(exists(scratch(inside)));
  make_file(scratch("volume/marker"), "x");
  CHECK(!exists(scratch("outside/marker")));
}

const struct test VOLUME_TESTS[] = {
    {"a volume is attached where it makes its own place, and kept for another place when asked", attaches},
    {"an empty volume is filled with what the image has there, owners and modes too", fills},
    {"a volume that holds something is filled only to complete it, and keeps its own", completes},
    {"mounts in a private volume are seen on neither side", propagates_nothing},
    {"mounts of the host reach a slave volume, and none comes back", propagates_inwards},
    {"mounts go both ways where the volume stays as it is", propagates_both_ways},
    {"volumes in no slot, at no place, through links and of another kind are refused", refuses_volumes},
    {"a volume that climbs out of the root is attached inside", volume_stays_inside},
    {NULL, NULL},
};
