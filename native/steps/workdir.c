#include <errno.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include "credentials.h"
#include "descriptors.h"
#include "paths.h"
#include "report.h"

/*
 * Files made belong to these ids from here on. The kernel takes the capabilities over files away with uid 0, and they are
 * taken back, for a user may own a directory that it could not have made.
 */
static int make_files_as(uid_t uid, gid_t gid) {
  struct capability_sets sets;
  int error = capabilities_get(&sets);
  if (error < 0)
    return error;
  setfsgid(gid);
  setfsuid(uid);
  return capabilities_set(&sets);
}

static int make_as_user(const struct credentials *credentials, int root, const char *path) {
  uid_t uid = geteuid();
  gid_t gid = getegid();
  if (uid == credentials->uid && gid == credentials->gid)
    return path_make(root, path, PATH_MAKE_DIRECTORIES, 1);
  int error = make_files_as(credentials->uid, credentials->gid);
  int directory = error < 0 ? error : path_make(root, path, PATH_MAKE_DIRECTORIES, 1);
  error = make_files_as(uid, gid);
  if (error < 0 && directory >= 0)
    close(directory);
  return error < 0 ? error : directory;
}

/*
 * Magic links of /proc are not followed and the result must lie below `/`: a workdir of /proc/self/fd/N has led out of
 * containers before (CVE-2024-21626).
 */
int step_set_workdir(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SET_WORKDIR_PATH].bytes;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  cleanup_close int directory = values[STEP_SET_WORKDIR_CREATE].number == 1
                                    ? make_as_user(&context->credentials, root, path)
                                    : path_open(root, path, O_PATH | O_DIRECTORY, 1);
  if (directory < 0)
    return report(context, directory, path);
  if (fchdir(directory) < 0)
    return report(context, -errno, path);
  char now[4097];
  long length = syscall(SYS_getcwd, now, sizeof(now));
  if (length < 0 || now[0] != '/')
    return report(context, length < 0 ? -errno : -ENOENT, path);
  return 0;
}
