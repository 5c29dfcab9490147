/* Steps for a container with a user namespace of its own: its maps, and who owns what is made for it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "credentials.h"
#include "descriptors.h"
#include "report.h"

/* (uid_t)-1 means "no change" to the kernel. */
#define LARGEST_ID 4294967294u
#define PROCESS_PATH_BYTES 40

/* One write(2): the kernel takes a map as a whole, and once (user_namespaces(7)). */
static int write_map(struct step_context *context, pid_t process, const char *name, const struct value *map) {
  char path[PROCESS_PATH_BYTES];
  snprintf(path, sizeof(path), "/proc/%d/%s", (int)process, name);
  cleanup_close int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return report_about(context, -errno, name, map->bytes);
  ssize_t written = write(file, map->bytes, map->length);
  if (written < 0)
    return report_about(context, -errno, name, map->bytes);
  return (size_t)written == map->length ? 0 : report_about(context, -EIO, name, map->bytes);
}

static int map_process(struct step_context *context, pid_t process, const struct value *values) {
  int error = write_map(context, process, "gid_map", &values[STEP_WRITE_ID_MAPS_GID_MAP]);
  if (error == 0)
    error = write_map(context, process, "uid_map", &values[STEP_WRITE_ID_MAPS_UID_MAP]);
  if (error < 0)
    return error;
  char path[PROCESS_PATH_BYTES];
  snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)process);
  int namespace = open(path, O_RDONLY | O_CLOEXEC);
  if (namespace < 0)
    return report(context, -errno, path);
  context->user_namespace = namespace;
  return 0;
}

/* The descriptor keeps the namespace when the process that it was made with is gone. */
static int map_nobody(struct step_context *context, const struct value *values) {
  pid_t holder = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (holder < 0)
    return report(context, -errno, "user namespace");
  if (holder == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  int error = map_process(context, holder, values);
  kill(holder, SIGKILL);
  while (waitpid(holder, NULL, 0) < 0 && errno == EINTR)
    continue;
  return error;
}

int step_write_id_maps(struct step_context *context, const struct value *values) {
  if (context->user_namespace >= 0)
    return report(context, -EEXIST, "the maps are written already");
  return context->launch != NULL ? map_process(context, context->launch->child, values) : map_nobody(context, values);
}

int step_set_file_owner(struct step_context *context, const struct value *values) {
  uint64_t uid = values[STEP_SET_FILE_OWNER_UID].number, gid = values[STEP_SET_FILE_OWNER_GID].number;
  int error = check_at_most(context, "uid", uid, LARGEST_ID);
  if (error == 0)
    error = check_at_most(context, "gid", gid, LARGEST_ID);
  if (error < 0)
    return error;
  struct capability_sets sets;
  setfsgid((gid_t)gid);
  setfsuid((uid_t)uid);
  /* Neither call tells of a refusal; an impossible id changes nothing and answers with the present one (setfsuid(2)). */
  if ((uid_t)setfsuid((uid_t)-1) != (uid_t)uid || (gid_t)setfsgid((gid_t)-1) != (gid_t)gid)
    return report_number(context, -EPERM, "file owner", uid);
  /* Leaving uid 0 has taken the capabilities on files away (capabilities(7)). */
  error = capabilities_get(&sets);
  if (error == 0) {
    sets.effective = sets.permitted;
    error = capabilities_set(&sets);
  }
  return error < 0 ? report(context, error, "capabilities") : 0;
}

int step_own_streams(struct step_context *context, const struct value *values) {
  uint64_t uid = values[STEP_OWN_STREAMS_UID].number, gid = values[STEP_OWN_STREAMS_GID].number;
  int error = check_at_most(context, "uid", uid, LARGEST_ID);
  if (error == 0)
    error = check_at_most(context, "gid", gid, LARGEST_ID);
  if (error < 0 || context->launch == NULL)
    return error < 0 ? error : report(context, -EINVAL, "no streams");
  /* Both ends of a pipe are one file. */
  const int streams[] = {context->launch->stdin_write, context->launch->stdout_read, context->launch->stderr_read};
  for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
    struct stat status;
    if (streams[i] < 0)
      continue;
    if (fstat(streams[i], &status) < 0)
      return report_number(context, -errno, "stream", i);
    if (S_ISFIFO(status.st_mode) && fchown(streams[i], (uid_t)uid, (gid_t)gid) < 0)
      return report_number(context, -errno, "stream", i);
  }
  return 0;
}

int step_become_root(struct step_context *context, const struct value *values) {
  (void)values;
  if (setgroups(0, NULL) < 0)
    return report(context, -errno, "supplementary groups");
  if (setresgid(0, 0, 0) < 0)
    return report(context, -errno, "gid 0");
  if (setresuid(0, 0, 0) < 0)
    return report(context, -errno, "uid 0");
  /* As in apply-credentials: a change of uid may make us traceable. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    return report(context, -errno, "dumpable");
  int error = process_leave_keyring();
  return error < 0 ? report(context, error, "keyring") : 0;
}
