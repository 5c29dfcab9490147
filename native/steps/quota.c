/* Project quotas: one bound for a directory and all that is made in it (quotactl(2), FS_IOC_FSSETXATTR in linux/fs.h). */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "report.h"

/* A bound is counted in blocks of this size (QIF_DQBLKSIZE). */
#define QUOTA_BLOCK_BYTES 1024
#define PROJECT_QUOTA 2

/* By descriptor (Linux 5.14): no path of a device is needed, and none can be another. */
static int set_bound(int directory, uint32_t project, uint64_t limit_bytes) {
  struct if_dqblk bound = {
      .dqb_bhardlimit = (limit_bytes + QUOTA_BLOCK_BYTES - 1) / QUOTA_BLOCK_BYTES,
      .dqb_valid = QIF_BLIMITS,
  };
  int command = (int)QCMD(Q_SETQUOTA, PROJECT_QUOTA);
  return syscall(SYS_quotactl_fd, directory, command, project, &bound) < 0 ? -errno : 0;
}

/* What is made in the directory from now on belongs to the project, and so on below. */
static int join_project(int directory, uint32_t project) {
  struct fsxattr attributes;
  if (ioctl(directory, FS_IOC_FSGETXATTR, &attributes) < 0)
    return -errno;
  attributes.fsx_projid = project;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  return ioctl(directory, FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}

int step_set_project_quota(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SET_PROJECT_QUOTA_PATH].bytes;
  uint64_t project = values[STEP_SET_PROJECT_QUOTA_PROJECT].number;
  uint64_t limit_bytes = values[STEP_SET_PROJECT_QUOTA_LIMIT_BYTES].number;
  int error = check_at_most(context, "project", project, UINT32_MAX);
  if (error < 0)
    return error;
  cleanup_close int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0)
    return errno == ENOENT && limit_bytes == 0 ? 0 : report(context, -errno, path);
  error = limit_bytes == 0 ? 0 : join_project(directory, (uint32_t)project);
  if (error == 0)
    error = set_bound(directory, (uint32_t)project, limit_bytes);
  return error < 0 ? report(context, error, path) : 0;
}
