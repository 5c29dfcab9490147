#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../unpack/unpack.h"
#include "steps_harness.h"
#include "steps_leaks.h"

#define OPAQUE "trusted.overlay.opaque"

static struct stat status_of(const char *path) {
  struct stat status;
  CHECK(lstat(path, &status) == 0);
  return status;
}

static int exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static int hides(const char *path) {
  struct stat status = status_of(path);
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

static void hide(const char *path) {
  CHECK(mknod(path, S_IFCHR, makedev(0, 0)) == 0);
}

static void set(const char *path, const char *name, const char *value) {
  CHECK(setxattr(path, name, value, strlen(value), 0) == 0);
}

static int has(const char *path, const char *name) {
  return getxattr(path, name, NULL, 0) >= 0;
}

static void make_implied(const char *path) {
  CHECK(mkdir(path, 0755) == 0);
  set(path, LAYER_NOTE, "d");
}

/* All that a directory has. */
static void own(const char *path, uid_t owner) {
  const struct timespec times[2] = {{5, 0}, {1000000000, 123456789}};
  CHECK(chown(path, owner, owner + 1) == 0 && chmod(path, 02710) == 0);
  set(path, "trusted.mark", "m");
  CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

/* A directory of a lower layer. */
static void make_owned(const char *path, uid_t owner) {
  make_dir(path);
  own(path, owner);
}

static int is_owned(const char *path, uid_t owner) {
  struct stat status = status_of(path);
  return status.st_uid == owner && status.st_gid == owner + 1 && (status.st_mode & 07777) == 02710 &&
         status.st_mtim.tv_sec == 1000000000 && status.st_mtim.tv_nsec == 123456789 && has(path, "trusted.mark");
}

static int is_plain(const char *path) {
  struct stat status = status_of(path);
  return S_ISDIR(status.st_mode) && status.st_uid == 0 && status.st_gid == 0 && (status.st_mode & 07777) == 0755 &&
         !has(path, LAYER_NOTE);
}

static void make_layers(const char *notes) {
  make_dir(scratch("low"));
  make_dir(scratch("middle"));
  make_dir(scratch("layer"));
  set(scratch("layer"), LAYER_NOTE, notes);
}

static int settle(void) {
  struct held before = held_now();
  int result = STEP(step_settle_layer, text(scratch("layer")), LIST(scratch("middle"), scratch("low")));
  CHECK_HELD(before);
  return result;
}

static void takes_what_is_below(void) {
  make_layers("d");
  make_owned(scratch("low/a"), 7);
  make_owned(scratch("low/a/b"), 8);
  own(scratch("low/a"), 7);
  make_owned(scratch("low/c"), 9);
  make_owned(scratch("middle/c"), 10);
  make_owned(scratch("low/named"), 11);
  make_implied(scratch("layer/a"));
  make_implied(scratch("layer/a/b"));
  make_implied(scratch("layer/a/new"));
  make_implied(scratch("layer/c"));
  make_dir(scratch("layer/named"));
  make_file(scratch("layer/a/b/file"), "x");
  CHECK_IS(settle(), 0);
  CHECK(is_owned(scratch("layer/a"), 7) && is_owned(scratch("layer/a/b"), 8) && is_owned(scratch("layer/c"), 10));
  CHECK(is_plain(scratch("layer/a/new")) && is_plain(scratch("layer/named")));
  CHECK(!has(scratch("layer/a"), LAYER_NOTE) && !has(scratch("layer"), LAYER_NOTE));
}

static void takes_nothing_that_is_hidden(void) {
  make_layers("dw");
  static const char *const names[] = {"gone", "file", "link", "opaque"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[64];
    snprintf(path, sizeof path, "low/%s", names[i]);
    make_owned(scratch(path), 7);
    snprintf(path, sizeof path, "low/%s/in", names[i]);
    make_owned(scratch(path), 7);
    snprintf(path, sizeof path, "layer/%s", names[i]);
    make_implied(scratch(path));
    snprintf(path, sizeof path, "layer/%s/in", names[i]);
    make_implied(scratch(path));
  }
  make_dir(scratch("outside"));
  make_owned(scratch("outside/in"), 13);
  hide(scratch("middle/gone"));
  make_file(scratch("middle/file"), "x");
  make_link(scratch("outside"), scratch("middle/link"));
  make_owned(scratch("middle/opaque"), 12);
  set(scratch("middle/opaque"), OPAQUE, "y");
  CHECK_IS(settle(), 0);
  CHECK(is_plain(scratch("layer/gone")) && is_plain(scratch("layer/file")) && is_plain(scratch("layer/link")));
  CHECK(is_plain(scratch("layer/link/in")) && is_plain(scratch("layer/gone/in")));
  CHECK(is_owned(scratch("layer/opaque"), 12) && is_plain(scratch("layer/opaque/in")));
  CHECK(!has(scratch("layer/opaque"), OPAQUE));
}

static void keeps_its_own_opaque(void) {
  make_layers("d");
  make_owned(scratch("low/a"), 7);
  make_owned(scratch("low/a/b"), 8);
  own(scratch("low/a"), 7);
  make_implied(scratch("layer/a"));
  make_implied(scratch("layer/a/b"));
  set(scratch("layer/a"), OPAQUE, "y");
  CHECK_IS(settle(), 0);
  CHECK(is_owned(scratch("layer/a"), 7) && has(scratch("layer/a"), OPAQUE));
  CHECK(is_plain(scratch("layer/a/b")));
}

static void settles_a_root(void) {
  const struct timespec times[2] = {{5, 0}, {1000000000, 123456789}};
  make_layers("r");
  make_implied(scratch("layer/not-looked-for"));
  CHECK(chown(scratch("middle"), 3, 4) == 0 && chmod(scratch("middle"), 0700) == 0);
  CHECK(utimensat(AT_FDCWD, scratch("middle"), times, 0) == 0);
  CHECK_IS(settle(), 0);
  struct stat root = status_of(scratch("layer"));
  CHECK(root.st_uid == 3 && root.st_gid == 4 && (root.st_mode & 07777) == 0700 && root.st_mtim.tv_nsec == 123456789);
  CHECK(!has(scratch("layer"), LAYER_NOTE) && has(scratch("layer/not-looked-for"), LAYER_NOTE));
  /* It is done once. */
  CHECK(chmod(scratch("middle"), 0711) == 0);
  CHECK_IS(settle(), 0);
  CHECK_IS(status_of(scratch("layer")).st_mode & 07777, 0700);
}

static void leaves_a_lowest_layer(void) {
  make_layers("rdw");
  make_implied(scratch("layer/a"));
  hide(scratch("layer/a/nothing"));
  hide(scratch("layer/nothing"));
  CHECK_IS(STEP(step_settle_layer, text(scratch("layer")), LIST(NULL)), 0);
  CHECK(is_plain(scratch("layer/a")) && !has(scratch("layer"), LAYER_NOTE));
  CHECK(!exists(scratch("layer/a/nothing")) && !exists(scratch("layer/nothing")));
}

static void removes_useless_whiteouts(void) {
  const struct timespec times[2] = {{5, 0}, {1000000000, 7}};
  make_layers("w");
  make_dir(scratch("low/merged"));
  make_dir(scratch("layer/merged"));
  make_dir(scratch("layer/own"));
  hide(scratch("layer/merged/kept"));
  hide(scratch("layer/kept"));
  hide(scratch("layer/own/useless"));
  CHECK(mknod(scratch("layer/own/null"), S_IFCHR | 0666, makedev(1, 3)) == 0);
  CHECK(utimensat(AT_FDCWD, scratch("layer/own"), times, 0) == 0);
  CHECK_IS(settle(), 0);
  CHECK(hides(scratch("layer/merged/kept")) && hides(scratch("layer/kept")));
  CHECK(!exists(scratch("layer/own/useless")) && exists(scratch("layer/own/null")));
  CHECK_IS(status_of(scratch("layer/own")).st_mtim.tv_nsec, 7);
}

static void hides_below_an_opaque_root(void) {
  make_layers("do");
  set(scratch("layer"), OPAQUE, "y");
  make_dir(scratch("low/directory"));
  make_owned(scratch("low/implied"), 7);
  make_file(scratch("low/file"), "x");
  make_file(scratch("middle/own"), "x");
  hide(scratch("middle/hidden"));
  make_dir(scratch("layer/directory"));
  make_implied(scratch("layer/implied"));
  make_file(scratch("layer/own"), "own");
  CHECK_IS(settle(), 0);
  CHECK(has(scratch("layer/directory"), OPAQUE) && has(scratch("layer/implied"), OPAQUE));
  CHECK(is_plain(scratch("layer/implied")) && hides(scratch("layer/file")) && !exists(scratch("layer/hidden")));
  CHECK(strcmp(content_of(scratch("layer/own")), "own") == 0);
}

static void refuses_to_settle(void) {
  make_layers("rd");
  REFUSES(ENOENT, "none", step_settle_layer, text(scratch("none")), LIST(scratch("low")));
  REFUSES(ENOENT, "none", step_settle_layer, text(scratch("layer")), LIST(scratch("none")));
  make_link("low", scratch("link"));
  REFUSES(ENOTDIR, "link", step_settle_layer, text(scratch("layer")), LIST(scratch("link")));
  REFUSES(ENOTDIR, "link", step_settle_layer, text(scratch("link")), LIST(scratch("low")));
  const char *many[258] = {NULL};
  const char *low = strdup(scratch("low"));
  for (size_t i = 0; i < 256; i++) many[i] = low;
  REFUSES(E2BIG, "256", step_settle_layer, text(scratch("layer")), list(many));
  CHECK(has(scratch("layer"), LAYER_NOTE));
}

const struct test SETTLE_TESTS[] = {
    {"a directory that a layer does not name is as the topmost layer below has it", takes_what_is_below},
    {"what a whiteout, a file, a link or an opaque directory hides is not taken from below it", takes_nothing_that_is_hidden},
    {"an opaque directory keeps what it is, and what is in it has nothing from below", keeps_its_own_opaque},
    {"a root that a layer does not name is as the one below, and nothing else is looked for", settles_a_root},
    {"a lowest layer keeps its directories as they were made, and no whiteouts", leaves_a_lowest_layer},
    {"whiteouts go where there is nothing below, and the times stay", removes_useless_whiteouts},
    {"all that is below an opaque root is hidden by name", hides_below_an_opaque_root},
    {"what is no layer is not settled", refuses_to_settle},
    {NULL, NULL},
};
