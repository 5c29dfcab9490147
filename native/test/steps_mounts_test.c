#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../steps/overlay.h"
#include "steps_harness.h"

/* Makes layers l0 (top) … each with a file `name` of its own and one `same` that says which layer it is from. */
static const char **make_layers(int count) {
  const char **paths = calloc((size_t)count + 1, sizeof(*paths));
  CHECK(paths != NULL);
  for (int i = 0; i < count; i++) {
    char path[64], name[64];
    snprintf(path, sizeof(path), "l%d", i);
    paths[i] = strdup(scratch(path));
    make_dir(paths[i]);
    snprintf(name, sizeof(name), "l%d/own%d", i, i);
    make_file(scratch(name), path);
    snprintf(name, sizeof(name), "l%d/same", i);
    make_file(scratch(name), path);
  }
  make_dir(scratch("upper"));
  make_dir(scratch("work"));
  make_dir(scratch("root"));
  return paths;
}

static void check_layers(int count) {
  CHECK(strcmp(content_of(scratch("root/same")), "l0") == 0);
  char name[64];
  snprintf(name, sizeof(name), "root/own%d", count - 1);
  CHECK(content_of(scratch(name)) != NULL);
}

static int create_overlay(const char **layers, int writable) {
  return STEP(step_create_overlay, number(3), list(layers), text(writable ? scratch("upper") : ""),
              text(writable ? scratch("work") : ""), number(MOUNT_ATTR_NODEV));
}

static void stack_layers(int count) {
  const char **layers = make_layers(count);
  CHECK_IS(create_overlay(layers, 1), 0);
  CHECK(fcntl(context.slots[3], F_GETFD) & FD_CLOEXEC);
  CHECK_IS(STEP(step_attach_root, number(3), text(scratch("root"))), 0);
  check_layers(count);
  make_file(scratch("root/new"), "x");
  CHECK(content_of(scratch("upper/new")) != NULL);
}

static void one_layer(void) { stack_layers(1); }
static void sixty_layers(void) { stack_layers(60); }
static void many_layers(void) { stack_layers(128); }

/* The forms for older kernels work on this one as well. */
static void mount_older(int (*mount_)(struct overlay *), int count) {
  const char **layers = make_layers(count);
  struct overlay overlay = {.lower_count = count, .upper = scratch("upper"), .work = scratch("work")};
  overlay.attributes = MOUNT_ATTR_NODEV;
  memcpy(overlay.lower, layers, (size_t)count * sizeof(*layers));
  int tree = mount_(&overlay);
  CHECK(tree >= 0);
  CHECK(move_mount(tree, "", AT_FDCWD, scratch("root"), MOVE_MOUNT_F_EMPTY_PATH) == 0);
  check_layers(count);
  make_file(scratch("root/new"), "x");
  CHECK(content_of(scratch("upper/new")) != NULL);
  struct statvfs status;
  CHECK(statvfs(scratch("root"), &status) == 0 && (status.f_flag & ST_NODEV));
}

static void by_list(void) { mount_older(overlay_by_list, 40); }
static void by_namespace(void) { mount_older(overlay_by_namespace, 128); }

static void list_too_long(void) {
  const char **layers = make_layers(128);
  struct overlay overlay = {.lower_count = 128};
  memcpy(overlay.lower, layers, 128 * sizeof(*layers));
  CHECK_IS(overlay_by_list(&overlay), -E2BIG);
}

static void read_only_overlay(int layers) {
  CHECK_IS(create_overlay(make_layers(layers), 0), 0);
  CHECK_IS(STEP(step_attach_root, number(3), text(scratch("root"))), 0);
  check_layers(layers);
  CHECK(open(scratch("root/new"), O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
}

static void read_only_one(void) { read_only_overlay(1); }
static void read_only_two(void) { read_only_overlay(2); }

static void read_only_one_older(void) {
  forbid_mount_setattr(ENOSYS);
  read_only_overlay(1);
}

static void missing_layer(void) {
  const char *layers[] = {scratch("none"), scratch("no"), NULL};
  make_layers(1);
  CHECK_IS(create_overlay(layers, 1), -ENOENT);
  DETAIL_HAS("upper");
}

static void layer_with_marks(void) {
  const char *layers[] = {scratch("a:b,c\\d"), NULL};
  make_layers(1);
  make_dir(layers[0]);
  make_file(scratch("a:b,c\\d/same"), "l0");
  CHECK_IS(create_overlay(layers, 1), 0);
  CHECK_IS(STEP(step_attach_root, number(3), text(scratch("root"))), 0);
  CHECK(strcmp(content_of(scratch("root/same")), "l0") == 0);
}

static void clone_expectations(void) {
  make_dir(scratch("directory"));
  make_file(scratch("file"), "x");
  make_link("directory", scratch("link"));
  CHECK_IS(STEP(step_clone_tree, number(0), text(scratch("link")), number(1), number(0)), -ELOOP);
  DETAIL_HAS("/link");
  CHECK_IS(STEP(step_clone_tree, number(0), text(scratch("file")), number(1), number(1)), -ENOTDIR);
  CHECK_IS(STEP(step_clone_tree, number(0), text(scratch("link")), number(1), number(2)), 0);
  CHECK_IS(STEP(step_clone_tree, number(1), text(scratch("file")), number(0), number(0)), 0);
  CHECK_IS(STEP(step_clone_tree, number(0), text(scratch("file")), number(0), number(0)), -EEXIST);
  CHECK_IS(STEP(step_clone_tree, number(FD_SLOTS), text(scratch("file")), number(0), number(0)), -EINVAL);
  CHECK_IS(STEP(step_clone_tree, number(2), text(scratch("file")), number(0), number(3)), -EINVAL);
  CHECK_IS(STEP(step_set_mount_attributes, number(1), number(LATE_RECURSIVE), number(0)), -EINVAL);
  CHECK_IS(STEP(step_clone_tree, number(2), text(scratch("none")), number(0), number(0)), -ENOENT);
}

static int create_tmpfs(uint64_t slot, const char *option) {
  return STEP(step_create_mount, number(slot), text("tmpfs"), text("tmpfs"), LIST(option), number(MOUNT_ATTR_NOSUID));
}

static void unknown_option(void) {
  CHECK_IS(create_tmpfs(0, "colour=green"), -EINVAL);
  DETAIL_HAS("colour");
  CHECK_IS(STEP(step_create_mount, number(0), text("nosuchfs"), text(""), LIST("a"), number(0)), -ENODEV);
  DETAIL_HAS("nosuchfs");
}

static void furnish(void) {
  umask(077);
  CHECK_IS(create_tmpfs(0, "mode=0755"), 0);
  CHECK_IS(STEP(step_make_directory_in, number(0), text("shm"), number(01777)), 0);
  CHECK_IS(STEP(step_make_node, number(0), text("null"), number(S_IFCHR | 0666), number(1), number(3)), 0);
  CHECK_IS(STEP(step_make_symlink, number(0), text("shm/fd"), text("/proc/self/fd")), 0);
  make_link("/", scratch("out"));
  CHECK_IS(STEP(step_make_symlink, number(0), text("out"), text(scratch(""))), 0);
  CHECK_IS(STEP(step_make_directory_in, number(0), text("out/d"), number(0755)), -ELOOP);
  CHECK_IS(STEP(step_make_directory_in, number(0), text("shm/.."), number(0755)), -EINVAL);
  CHECK_IS(STEP(step_make_directory_in, number(9), text("d"), number(0755)), -EBADF);
  CHECK_IS(STEP(step_make_node, number(0), text("n"), number(S_IFCHR), number(UINT64_C(1) << 32 | 1), number(3)), -EINVAL);
  CHECK_IS(STEP(step_make_node, number(0), text("n"), number(S_IFCHR), number(1), number(1 << 20)), -EINVAL);
  CHECK_IS(STEP(step_make_directory_in, number(0), text("d"), number(02755)), -EINVAL);
  make_dir(scratch("dev"));
  CHECK_IS(STEP(step_attach_at, number(0), text(scratch("dev"))), 0);
  CHECK_IS(context.slots[0], -1);
  struct stat status;
  CHECK(stat(scratch("dev/null"), &status) == 0);
  CHECK_IS(status.st_mode, S_IFCHR | 0666);
  CHECK_IS(status.st_rdev, makedev(1, 3));
  CHECK(stat(scratch("dev/shm"), &status) == 0);
  CHECK_IS(status.st_mode, S_IFDIR | 01777);
  CHECK(lstat(scratch("dev/shm/fd"), &status) == 0 && S_ISLNK(status.st_mode));
}

const struct test MOUNT_TESTS[] = {
    {"an overlay of one layer shows it and writes to the upper directory", one_layer},
    {"an overlay of 60 layers shows the top one first", sixty_layers},
    {"an overlay of 128 layers is made", many_layers},
    {"a list of 40 layers works where layers cannot be added one by one", by_list},
    {"128 layers work through a namespace where a list is too long", by_namespace},
    {"a list that does not fit is refused before the kernel cuts it", list_too_long},
    {"a single layer without an upper directory is read-only", read_only_one},
    {"a single layer is read-only where mount_setattr is missing", read_only_one_older},
    {"two layers without an upper directory are read-only", read_only_two},
    {"a missing layer is refused", missing_layer},
    {"a layer's path may hold colons, commas and backslashes", layer_with_marks},
    {"a cloned tree has to be what was expected", clone_expectations},
    {"an unknown option of a file system is named", unknown_option},
    {"nodes, links and directories have their mode whatever the umask", furnish},
    {NULL, NULL},
};
