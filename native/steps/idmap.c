/* Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP, Linux 5.12): owners are shown otherwise, and nothing is changed on disk. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "descriptors.h"
#include "report.h"

static int write_map(int process, const char *name, const char *map) {
  cleanup_close int file = openat(process, name, O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return -errno;
  size_t length = strlen(map);
  ssize_t written = write(file, map, length);
  if (written < 0)
    return -errno;
  return (size_t)written == length ? 0 : -EIO;
}

/*
 * The process that the namespace begins with. It shares our descriptors, and what /proc calls it only it knows where our
 * pid namespace is not that of /proc: it opens its own directory there, tells the number, and waits for its end.
 */
static _Noreturn void be_first(int told) {
  int process = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (process < 0)
    process = -errno;
  if (write(told, &process, sizeof(process)) == sizeof(process))
    pause();
  _exit(1);
}

static int namespace_of(int process, const char *uid_map, const char *gid_map) {
  int error = write_map(process, "uid_map", uid_map);
  if (error == 0)
    error = write_map(process, "gid_map", gid_map);
  if (error < 0)
    return error;
  int namespace = openat(process, "ns/user", O_RDONLY | O_CLOEXEC);
  return namespace < 0 ? -errno : namespace;
}

/* A user namespace with these maps, which lives as long as its descriptor. */
static int make_namespace(const char *uid_map, const char *gid_map) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return -errno;
  cleanup_close int reading = ends[0];
  cleanup_close int writing = ends[1];
  long first = syscall(SYS_clone, CLONE_NEWUSER | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (first < 0)
    return -errno;
  if (first == 0)
    be_first(ends[1]);
  int process = -1;
  int result = read(reading, &process, sizeof(process)) == sizeof(process) ? process : -EIO;
  if (result >= 0) {
    result = namespace_of(process, uid_map, gid_map);
    close(process);
  }
  kill((pid_t)first, SIGKILL);
  while (waitpid((pid_t)first, NULL, 0) < 0 && errno == EINTR)
    ;
  return result;
}

int step_idmap_mount(struct step_context *context, const struct value *values) {
  int tree = slot_get(context, values[STEP_IDMAP_MOUNT_SLOT].number);
  if (tree < 0)
    return tree;
  const char *uid_map = values[STEP_IDMAP_MOUNT_UID_MAP].bytes;
  cleanup_close int namespace = make_namespace(uid_map, values[STEP_IDMAP_MOUNT_GID_MAP].bytes);
  if (namespace < 0)
    return report_about(context, namespace, "user namespace of the id map", uid_map);
  struct mount_attr wanted = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)namespace};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof(wanted)) < 0)
    return report_about(context, -errno, "id map", uid_map);
  return 0;
}
