/* How an overlay is made where layers cannot be added one by one (before Linux 6.7). */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "attributes.h"
#include "descriptors.h"
#include "filesystem.h"

#define MOUNT_DATA_BYTES 4096

/* Layers and directories opened for the list forms: short names, and no escaping of `:` and `,` in paths. */
struct opened {
  int first_free;
  int descriptors[OVERLAY_LAYERS + 2];
};

static void opened_close(struct opened *opened) {
  for (int i = 0; i < opened->first_free; i++)
    close(opened->descriptors[i]);
}
#define cleanup_opened __attribute__((cleanup(opened_close)))

static int open_all(const struct overlay *overlay, struct opened *opened) {
  for (int i = 0; i < overlay->lower_count + (overlay->upper != NULL ? 2 : 0); i++) {
    const char *path = i < overlay->lower_count ? overlay->lower[i]
                       : i == overlay->lower_count ? overlay->upper : overlay->work;
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
      return -errno;
    opened->descriptors[opened->first_free++] = directory;
  }
  return 0;
}

struct text {
  size_t length, limit;
  char *bytes;
};

static int add(struct text *text, const char *part) {
  size_t length = strlen(part);
  if (text->length + length + 1 > text->limit)
    return -E2BIG;
  memcpy(text->bytes + text->length, part, length + 1);
  text->length += length;
  return 0;
}

static int add_number(struct text *text, const char *before, int descriptor) {
  char path[DESCRIPTOR_PATH_BYTES];
  descriptor_path(descriptor, path);
  int error = add(text, before);
  return error < 0 ? error : add(text, strrchr(path, '/') + 1);
}

/* "12:13:14": names inside /proc/self/fd, where whoever mounts stands. */
static int list_lower(const struct overlay *overlay, const struct opened *opened, struct text *text) {
  int error = 0;
  for (int i = 0; error == 0 && i < overlay->lower_count; i++)
    error = add_number(text, i > 0 ? ":" : "", opened->descriptors[i]);
  return error;
}

/* Stands in /proc/self/fd until `back_home`. */
static int go_to_descriptors(void) {
  int home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (home < 0)
    return -errno;
  if (chdir("/proc/self/fd") < 0) {
    int error = -errno;
    close(home);
    return error;
  }
  return home;
}

static int back_home(int home, int result) {
  int error = fchdir(home) < 0 ? -errno : 0;
  close(home);
  if (error < 0 && result >= 0)
    close(result);
  return error < 0 ? error : result;
}

static int list_in_context(int context, struct overlay *overlay, const struct opened *opened, const char *lower) {
  char name[16];
  int error = filesystem_set(context, "lowerdir", lower);
  for (int i = 0; error == 0 && overlay->upper != NULL && i < 2; i++) {
    struct text text = {.limit = sizeof(name), .bytes = name};
    error = add_number(&text, "", opened->descriptors[overlay->lower_count + i]);
    if (error == 0)
      error = filesystem_set(context, i == 0 ? "upperdir" : "workdir", name);
  }
  return error < 0 ? error : filesystem_mount(context, overlay->attributes);
}

int overlay_by_list(struct overlay *overlay) {
  cleanup_opened struct opened opened = {0};
  int error = open_all(overlay, &opened);
  if (error < 0)
    return error;
  char lower[FSCONFIG_VALUE_BYTES];
  struct text text = {.limit = sizeof(lower), .bytes = lower};
  error = list_lower(overlay, &opened, &text);
  if (error < 0)
    return error;
  cleanup_close int context = filesystem_open("overlay", "overlay");
  if (context < 0)
    return context;
  int home = go_to_descriptors();
  if (home < 0)
    return home;
  int mount = back_home(home, list_in_context(context, overlay, &opened, lower));
  return mount < 0 ? filesystem_refused(context, mount, overlay->log, sizeof(overlay->log)) : mount;
}

static int list_options(const struct overlay *overlay, const struct opened *opened, struct text *text) {
  int error = add(text, "lowerdir=");
  if (error == 0)
    error = list_lower(overlay, opened, text);
  if (error == 0 && overlay->upper != NULL)
    error = add_number(text, ",upperdir=", opened->descriptors[overlay->lower_count]);
  if (error == 0 && overlay->upper != NULL)
    error = add_number(text, ",workdir=", opened->descriptors[overlay->lower_count + 1]);
  return error;
}

/*
 * In a process and mount namespace of its own: mounts over the first layer and leaves a detached copy as `result`. The
 * layers are opened here, for the kernel stacks only what is mounted in the caller's namespace.
 */
static int mount_privately(const struct overlay *overlay, int result) {
  cleanup_opened struct opened opened = {0};
  char data[MOUNT_DATA_BYTES];
  struct text text = {.limit = sizeof(data), .bytes = data};
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return -errno;
  int error = open_all(overlay, &opened);
  if (error == 0)
    error = list_options(overlay, &opened, &text);
  if (error < 0)
    return error;
  if (chdir("/proc/self/fd") < 0)
    return -errno;
  int only = overlay_is_only_layer(overlay);
  const char *place = overlay->lower[0];
  if (mount(only ? place : "overlay", place, "overlay", only ? MS_BIND : 0, data) < 0)
    return -errno;
  cleanup_close int mounted = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (mounted < 0)
    return -errno;
  error = attributes_remount(mounted, overlay->attributes | (only ? MOUNT_ATTR_RDONLY : 0), 0);
  if (error < 0)
    return error;
  cleanup_close int tree = open_tree(mounted, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  return tree < 0 || dup3(tree, result, O_CLOEXEC) < 0 ? -errno : 0;
}

/* What a process does that shares our descriptors and nothing else: 0 once a tree is under the number `result`. */
typedef int private_work(const void *state, int result);

static int in_private(private_work *work, const void *state) {
  cleanup_close int result = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (result < 0)
    return -errno;
  long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (child < 0)
    return -errno;
  if (child == 0)
    _exit(-work(state, result));
  int status;
  while (waitpid((pid_t)child, &status, 0) < 0) {
    if (errno != EINTR)
      return -errno;
  }
  if (!WIFEXITED(status))
    return -EIO;
  return WEXITSTATUS(status) != 0 ? -WEXITSTATUS(status) : descriptor_keep(&result);
}

static int layers_privately(const void *overlay, int result) {
  return mount_privately(overlay, result);
}

int overlay_by_namespace(struct overlay *overlay) {
  return in_private(layers_privately, overlay);
}

struct attached {
  struct overlay *overlay;
  const int *trees;
  int count;
};

/* One on top of the other over `/`, where no path that is walked from our own root meets them. */
static int attached_privately(const void *state, int result) {
  const struct attached *attached = state;
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return -errno;
  for (int i = 0; i < attached->count; i++) {
    if (move_mount(attached->trees[i], "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
      return -errno;
  }
  int mount = overlay_by_layers(attached->overlay);
  if (mount == -EINVAL)
    mount = overlay_by_list(attached->overlay);
  if (mount < 0)
    return mount;
  return dup3(mount, result, O_CLOEXEC) < 0 ? -errno : 0;
}

int overlay_by_attached(struct overlay *overlay, const int *trees, int count) {
  const struct attached attached = {overlay, trees, count};
  return in_private(attached_privately, &attached);
}
