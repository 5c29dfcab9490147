#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

#define MAP "0 100000 65536\n"
#define HOLE_BYTES (1 << 20)
#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static struct stat status_of(const char *path) {
  struct stat status;
  CHECK(lstat(path, &status) == 0);
  return status;
}

static int exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static void hide(const char *path) {
  CHECK(mknod(path, S_IFCHR, makedev(0, 0)) == 0);
}

static int copy_all(struct value layers) {
  make_dir(scratch("copy"));
  return STEP(step_copy_layers, layers, text(scratch("copy")));
}

static void copies_metadata(void) {
  const struct timespec times[2] = {{1, 2}, {1000000000, 123456789}};
  make_dir(scratch("low"));
  make_dir(scratch("low/dir"));
  make_file(scratch("low/dir/file"), "content");
  CHECK(chown(scratch("low/dir/file"), 70000, 80000) == 0 && chmod(scratch("low/dir/file"), 04751) == 0);
  CHECK(setxattr(scratch("low/dir/file"), "trusted.mark", "m", 1, 0) == 0);
  CHECK(utimensat(AT_FDCWD, scratch("low/dir/file"), times, 0) == 0);
  make_link("file", scratch("low/dir/link"));
  CHECK(lchown(scratch("low/dir/link"), 3, 4) == 0);
  CHECK(utimensat(AT_FDCWD, scratch("low/dir/link"), times, AT_SYMLINK_NOFOLLOW) == 0);
  CHECK(mkfifo(scratch("low/fifo"), 0600) == 0 && mknod(scratch("low/device"), S_IFBLK | 0640, makedev(8, 1)) == 0);
  CHECK(chmod(scratch("low/dir"), 01711) == 0 && setxattr(scratch("low/dir"), "trusted.mark", "d", 1, 0) == 0);
  CHECK(utimensat(AT_FDCWD, scratch("low/dir"), times, 0) == 0);
  struct held before = held_now();
  CHECK_IS(copy_all(LIST(scratch("low"))), 0);
  CHECK_HELD(before);
  struct stat file = status_of(scratch("copy/dir/file")), link = status_of(scratch("copy/dir/link"));
  struct stat directory = status_of(scratch("copy/dir")), device = status_of(scratch("copy/device"));
  char mark;
  CHECK(file.st_uid == 70000 && file.st_gid == 80000 && (file.st_mode & 07777) == 04751);
  CHECK(file.st_mtim.tv_sec == 1000000000 && file.st_mtim.tv_nsec == 123456789 && link.st_mtim.tv_nsec == 123456789);
  CHECK(S_ISLNK(link.st_mode) && link.st_uid == 3 && link.st_gid == 4);
  CHECK((directory.st_mode & 07777) == 01711 && directory.st_mtim.tv_nsec == 123456789);
  CHECK(S_ISFIFO(status_of(scratch("copy/fifo")).st_mode) && device.st_rdev == makedev(8, 1) && (device.st_mode & 07777) == 0640);
  CHECK(getxattr(scratch("copy/dir/file"), "trusted.mark", &mark, 1) == 1 && mark == 'm');
  CHECK(getxattr(scratch("copy/dir"), "trusted.mark", &mark, 1) == 1 && mark == 'd');
  CHECK(file.st_ino != status_of(scratch("low/dir/file")).st_ino);
}

static void copies_links(void) {
  make_dir(scratch("low"));
  make_dir(scratch("low/a"));
  make_dir(scratch("low/b"));
  make_file(scratch("low/a/one"), "x");
  make_file(scratch("low/outside"), "x");
  CHECK(link(scratch("low/a/one"), scratch("low/b/two")) == 0 && link(scratch("low/a/one"), scratch("low/b/three")) == 0);
  /* A name of it that is not in the layer is none in the copy. */
  CHECK(link(scratch("low/outside"), scratch("elsewhere")) == 0);
  CHECK_IS(copy_all(LIST(scratch("low"))), 0);
  CHECK_IS(status_of(scratch("copy/a/one")).st_nlink, 3);
  CHECK_IS(status_of(scratch("copy/b/two")).st_ino, status_of(scratch("copy/a/one")).st_ino);
  CHECK_IS(status_of(scratch("copy/outside")).st_nlink, 1);
  CHECK_IS(status_of(scratch("low/a/one")).st_nlink, 3);
}

static void copies_holes(void) {
  make_dir(scratch("low"));
  make_file(scratch("low/sparse"), "begin");
  int file = open(scratch("low/sparse"), O_WRONLY | O_CLOEXEC);
  CHECK(file >= 0 && pwrite(file, "end", 3, HOLE_BYTES) == 3 && ftruncate(file, 2 * HOLE_BYTES) == 0);
  close(file);
  CHECK_IS(copy_all(LIST(scratch("low"))), 0);
  struct stat status = status_of(scratch("copy/sparse"));
  CHECK_IS(status.st_size, 2 * HOLE_BYTES);
  CHECK(status.st_blocks * 512 < HOLE_BYTES);
  char found[4] = "";
  file = open(scratch("copy/sparse"), O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0 && pread(file, found, 3, HOLE_BYTES) == 3 && strcmp(found, "end") == 0);
  CHECK(pread(file, found, 3, 0) == 3 && strcmp(found, "beg") == 0);
  close(file);
}

static void make_layers(void) {
  make_dir(scratch("low"));
  make_dir(scratch("low/merged"));
  make_dir(scratch("low/opaque"));
  make_dir(scratch("low/becomes-file"));
  make_file(scratch("low/merged/low"), "low");
  make_file(scratch("low/merged/same"), "low");
  make_file(scratch("low/opaque/hidden"), "low");
  make_file(scratch("low/becomes-file/inside"), "low");
  make_file(scratch("low/gone"), "low");
  make_file(scratch("low/becomes-directory"), "low");
  make_dir(scratch("high"));
  make_dir(scratch("high/merged"));
  make_dir(scratch("high/opaque"));
  make_dir(scratch("high/becomes-directory"));
  make_file(scratch("high/merged/same"), "high");
  make_file(scratch("high/opaque/shown"), "high");
  make_file(scratch("high/becomes-file"), "high");
  CHECK(setxattr(scratch("high/opaque"), "trusted.overlay.opaque", "y", 1, 0) == 0);
  CHECK(setxattr(scratch("low/merged"), "trusted.low", "l", 1, 0) == 0);
  CHECK(chmod(scratch("high/merged"), 0700) == 0);
  hide(scratch("high/gone"));
  hide(scratch("high/never-there"));
}

static void check_layers(const char *root) {
  char path[4096];
  struct stat status;
  static const struct {
    const char *path, *content;
  } shown[] = {{"merged/low", "low"}, {"merged/same", "high"}, {"opaque/shown", "high"}, {"becomes-file", "high"}};
  static const char *const hidden[] = {"opaque/hidden", "gone", "never-there"};
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
    snprintf(path, sizeof path, "%s/%s", root, shown[i].path);
    CHECK(content_of(path) != NULL && strcmp(content_of(path), shown[i].content) == 0);
  }
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
    snprintf(path, sizeof path, "%s/%s", root, hidden[i]);
    CHECK(!exists(path));
  }
  snprintf(path, sizeof path, "%s/becomes-directory", root);
  CHECK(lstat(path, &status) == 0 && S_ISDIR(status.st_mode));
  snprintf(path, sizeof path, "%s/merged", root);
  CHECK(lstat(path, &status) == 0 && (status.st_mode & 0777) == 0700);
  CHECK(getxattr(path, "trusted.low", NULL, 0) < 0 && errno == ENODATA);
}

static void copies_as_an_overlay_shows(void) {
  make_layers();
  CHECK_IS(copy_all(LIST(scratch("high"), scratch("low"))), 0);
  check_layers(scratch("copy"));
  CHECK(getxattr(scratch("copy/opaque"), "trusted.overlay.opaque", NULL, 0) < 0 && errno == ENODATA);
  make_dir(scratch("upper"));
  make_dir(scratch("work"));
  struct value upper = text(scratch("upper")), work = text(scratch("work"));
  CHECK_IS(STEP(step_create_overlay, number(1), LIST(scratch("high"), scratch("low")), upper, work, number(0)), 0);
  make_dir(scratch("root"));
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("root"))), 0);
  check_layers(scratch("root"));
}

static void refuses_to_copy(void) {
  make_layers();
  REFUSES(ENOENT, "copy", step_copy_layers, LIST(scratch("low")), text(scratch("copy")));
  make_dir(scratch("copy"));
  REFUSES(ENOENT, "none", step_copy_layers, LIST(scratch("none")), text(scratch("copy")));
  make_file(scratch("copy/there"), "x");
  REFUSES(ENOTEMPTY, "copy", step_copy_layers, LIST(scratch("low")), text(scratch("copy")));
  CHECK(strcmp(content_of(scratch("copy/there")), "x") == 0);
}

/* Whoever wanted the copy is gone. */
static void gives_copies_up(void) {
  int ends[2];
  make_layers();
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  context.caller = ends[0];
  CHECK_IS(copy_all(LIST(scratch("low"))), 0);
  close(ends[1]);
  make_dir(scratch("second"));
  REFUSES(ECANCELED, "", step_copy_layers, LIST(scratch("low")), text(scratch("second")));
}

/* Without mkfs.erofs there is nothing more to test. */
static int has_images(void) {
  make_layers();
  make_dir(scratch("own"));
  make_dir(scratch("own/upper"));
  make_dir(scratch("own/work"));
  int result = STEP(step_make_erofs, text(scratch("low")), text(scratch("low.erofs")), text(UUID));
  CHECK(result == 0 || result == -ENOEXEC);
  return result == 0;
}

static int erofs_overlay(struct value images, struct value digests, uint64_t mapped) {
  return STEP(step_create_erofs_overlay, number(1), images, digests, text(scratch("own/upper")), text(scratch("own/work")),
              number(0), number(0), number(MOUNT_ATTR_NODEV), number(mapped));
}

/* A kernel without erofs, or without loop devices where it takes no files. */
static int is_without(int result) {
  return result == -ENODEV || result == -ENXIO || result == -EPERM;
}

static void stacks_images(void) {
  if (!has_images()) return;
  CHECK_IS(STEP(step_make_erofs, text(scratch("high")), text(scratch("high.erofs")), text(UUID)), 0);
  struct held before = held_now();
  int result = erofs_overlay(LIST(scratch("high.erofs"), scratch("low.erofs")), LIST("", ""), 0);
  if (is_without(result)) return;
  CHECK_IS(result, 0);
  before.descriptors++;
  CHECK_HELD(before);
  make_dir(scratch("root"));
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("root"))), 0);
  check_layers(scratch("root"));
  make_file(scratch("root/merged/new"), "written");
  CHECK(strcmp(content_of(scratch("own/upper/merged/new")), "written") == 0);
}

static void keeps_metadata_in_images(void) {
  const struct timespec times[2] = {{1, 2}, {1000000000, 123456789}};
  make_dir(scratch("low"));
  make_file(scratch("low/file"), "content");
  CHECK(setxattr(scratch("low/file"), "trusted.mark", "m", 1, 0) == 0 && chown(scratch("low/file"), 70000, 80000) == 0);
  CHECK(utimensat(AT_FDCWD, scratch("low/file"), times, 0) == 0);
  if (!has_images()) return;
  int result = erofs_overlay(LIST(scratch("low.erofs")), LIST(""), 0);
  if (is_without(result)) return;
  make_dir(scratch("root"));
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("root"))), 0);
  struct stat status = status_of(scratch("root/file"));
  char mark;
  CHECK(status.st_mtim.tv_sec == 1000000000 && status.st_mtim.tv_nsec == 123456789);
  CHECK(status.st_uid == 70000 && status.st_gid == 80000);
  CHECK(getxattr(scratch("root/file"), "trusted.mark", &mark, 1) == 1 && mark == 'm');
}

static void maps_images(void) {
  if (!has_images()) return;
  CHECK_IS(STEP(step_write_id_maps, text(MAP), text(MAP)), 0);
  CHECK_IS(STEP(step_set_file_owner, number(100000), number(100000)), 0);
  int result = erofs_overlay(LIST(scratch("low.erofs")), LIST(""), 1);
  /* Kernels that map no erofs, or no layer of an overlay. */
  if (is_without(result) || result == -EINVAL) return;
  CHECK_IS(result, 0);
  make_dir(scratch("root"));
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("root"))), 0);
  CHECK_IS(status_of(scratch("root/gone")).st_uid, 100000);
  make_file(scratch("root/new"), "x");
  CHECK_IS(status_of(scratch("own/upper/new")).st_uid, 0);
}

static void refuses_images(void) {
  if (!has_images()) return;
  const char *wrong = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
  CHECK_IS(erofs_overlay(LIST(scratch("low.erofs")), LIST(wrong), 0), -EBADMSG);
  DETAIL_HAS("low.erofs");
  CHECK_IS(erofs_overlay(LIST(scratch("none.erofs")), LIST(""), 0), -ENOENT);
  DETAIL_HAS("none.erofs");
  CHECK_IS(erofs_overlay(LIST(scratch("low.erofs")), LIST(NULL), 0), -EINVAL);
  CHECK_IS(erofs_overlay(LIST(NULL), LIST(NULL), 0), -EINVAL);
  CHECK_IS(erofs_overlay(LIST(scratch("low.erofs")), LIST(""), 1), -EBADF);
  make_file(scratch("foreign.erofs"), "no file system");
  CHECK(erofs_overlay(LIST(scratch("foreign.erofs")), LIST(""), 0) < 0);
  DETAIL_HAS("foreign.erofs");
  int said = dup(STDERR_FILENO); // mkfs.erofs says there what it lacks
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  CHECK(said >= 0 && dup2(nowhere, STDERR_FILENO) == STDERR_FILENO);
  int made = STEP(step_make_erofs, text(scratch("none")), text(scratch("none.erofs")), text(UUID));
  CHECK(dup2(said, STDERR_FILENO) == STDERR_FILENO);
  close(said);
  close(nowhere);
  CHECK_IS(made, -EIO);
  DETAIL_HAS("none");
}

static void seals(void) {
  make_file(scratch("file"), "content");
  CHECK_IS(STEP(step_enable_verity, text(scratch("file")), text(scratch("digest"))), 0);
  const char *digest = content_of(scratch("digest"));
  CHECK(digest != NULL && (strcmp(digest, "none") == 0 || strncmp(digest, "sha256:", 7) == 0));
  REFUSES(EEXIST, "digest", step_enable_verity, text(scratch("file")), text(scratch("digest")));
  REFUSES(ENOENT, "missing", step_enable_verity, text(scratch("missing")), text(scratch("other")));
  make_link("file", scratch("link"));
  REFUSES(ELOOP, "link", step_enable_verity, text(scratch("link")), text(scratch("other")));
}

const struct test ROOTFS_TESTS[] = {
    {"a copy of a layer keeps owners, modes, times, attributes and kinds", copies_metadata},
    {"a copy of a layer keeps which names are one file, and shares none with the layer", copies_links},
    {"a copy of a layer keeps holes", copies_holes},
    {"a copy of layers has what an overlay of them shows", copies_as_an_overlay_shows},
    {"layers are copied into an empty directory only", refuses_to_copy},
    {"a copy is given up when nobody waits for it", gives_copies_up},
    {"images of layers are stacked as the layers are", stacks_images},
    {"an image of a layer keeps owners, times and attributes", keeps_metadata_in_images},
    {"images of layers are mapped", maps_images},
    {"what is no image, or is not sealed as it was, is refused", refuses_images},
    {"a file is sealed where its file system can, and it is told where not", seals},
    {NULL, NULL},
};
