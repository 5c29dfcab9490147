#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef CONFIGFS_MAGIC
#define CONFIGFS_MAGIC 0x62656570
#endif
#ifndef FUSE_CTL_MAGIC
#define FUSE_CTL_MAGIC 0x65735543
#endif
#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif

int pack_is_kernels(int found) {
  static const unsigned long kinds[] = {PROC_SUPER_MAGIC,    SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                        DEBUGFS_MAGIC,       TRACEFS_MAGIC, SECURITYFS_MAGIC,   BPF_FS_MAGIC,
                                        PSTOREFS_MAGIC,      EFIVARFS_MAGIC, BINFMTFS_MAGIC,    NSFS_MAGIC,
                                        DEVPTS_SUPER_MAGIC,  SELINUX_MAGIC, CONFIGFS_MAGIC,     FUSE_CTL_MAGIC,
                                        MQUEUE_MAGIC};
  struct statfs filesystem;
  if (fstatfs(found, &filesystem) < 0)
    return -errno;
  for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
    if ((unsigned long)filesystem.f_type == kinds[i])
      return 1;
  }
  return 0;
}

/* By a /proc that was opened before any container was entered: the one in there is the container's. */
int pack_reopen(const struct pack *pack, int found, int flags) {
  char name[16];
  snprintf(name, sizeof(name), "%d", found);
  int opened = openat(pack->proc, name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return opened < 0 ? -errno : opened;
}

int pack_finish(struct pack *pack) {
  static const unsigned char zeros[2 * TAR_BLOCK_BYTES];
  int result = sink_put(&pack->sink, zeros, sizeof(zeros));
  return result < 0 ? result : sink_flush(&pack->sink);
}

static int pack_source(struct pack *pack, int source) {
  struct stat status;
  if (fstat(source, &status) < 0)
    return -errno;
  int is_directory = S_ISDIR(status.st_mode);
  if (is_directory) {
    int kernels = pack_is_kernels(source);
    if (kernels != 0)
      return kernels < 0 ? kernels : -EOPNOTSUPP;
  } else if (pack->name_length == 0) {
    return -ENOTDIR;
  } else if (S_ISSOCK(status.st_mode)) {
    /* An archive has no such thing; in a directory it is left out. */
    return -EOPNOTSUPP;
  }
  int result = pack->name_length > 0 ? pack_node(pack, source, &status) : 0;
  return result == 0 && is_directory ? pack_children(pack, source, &status, 0) : result;
}

int pack_all(struct pack *pack, int source, const char *name) {
  pack->name_length = strlen(name);
  if (pack->name_length + 1 >= sizeof(pack->name))
    return -ENAMETOOLONG;
  memcpy(pack->name, name, pack->name_length + 1);
  int result = pack_source(pack, source);
  return result < 0 ? result : pack_finish(pack);
}

void pack_end(struct pack *pack) {
  links_free(&pack->links);
  sink_close(&pack->sink);
}
