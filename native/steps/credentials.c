/* Steps that take rights away from the process that will be the command. */
#include "credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "report.h"

#define MAX_CAPABILITIES 64

int capabilities_get(struct capability_sets *sets) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0)
    return -errno;
  sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
  sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  sets->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
  return 0;
}

int capabilities_set(const struct capability_sets *sets) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int word = 0; word < 2; word++) {
    data[word].effective = (uint32_t)(sets->effective >> 32 * word);
    data[word].permitted = (uint32_t)(sets->permitted >> 32 * word);
    data[word].inheritable = (uint32_t)(sets->inheritable >> 32 * word);
  }
  return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* One bit for each capability: those that this kernel has, and those that are in the bounding set. */
struct bounding {
  uint64_t known, present;
};

/* PR_CAPBSET_READ is EINVAL above the last. */
static struct bounding bounding_get(void) {
  struct bounding bounding = {0, 0};
  for (unsigned long number = 0; number < MAX_CAPABILITIES; number++) {
    int found = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (found < 0)
      break;
    bounding.known |= UINT64_C(1) << number;
    if (found == 1)
      bounding.present |= UINT64_C(1) << number;
  }
  return bounding;
}

static int report_capability(struct step_context *context, int error, uint64_t missing) {
  return report_number(context, error, "capability", (uint64_t)__builtin_ctzll(missing));
}

/* Drops from the bounding set what is not wanted. Wanting what is not in it is an error, for it never comes back. */
static int bound(struct step_context *context, uint64_t wanted, struct bounding bounding) {
  uint64_t missing = wanted & bounding.known & ~bounding.present;
  if (missing != 0)
    return report_capability(context, -EPERM, missing);
  for (uint64_t unwanted = bounding.present & ~wanted; unwanted != 0; unwanted &= unwanted - 1) {
    if (prctl(PR_CAPBSET_DROP, (unsigned long)__builtin_ctzll(unwanted), 0, 0, 0) < 0)
      return report_capability(context, -errno, unwanted);
  }
  return 0;
}

static int become(struct step_context *context) {
  const struct credentials *credentials = &context->credentials;
  if (setgroups((size_t)credentials->group_count, credentials->groups) < 0)
    return report_number(context, -errno, "supplementary groups", (uint64_t)credentials->group_count);
  if (setresgid(credentials->gid, credentials->gid, credentials->gid) < 0)
    return report_number(context, -errno, "gid", credentials->gid);
  if (setresuid(credentials->uid, credentials->uid, credentials->uid) < 0)
    return report_number(context, -errno, "uid", credentials->uid);
  /* A change of uid sets this to fs.suid_dumpable (proc_sys_fs(5)), and where that is 1 the container could trace us. */
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? report(context, -errno, "dumpable") : 0;
}

static int raise_ambient(struct step_context *context, uint64_t ambient) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return report(context, -errno, "ambient capabilities");
  for (unsigned number = 0; number < MAX_CAPABILITIES; number++) {
    uint64_t bit = UINT64_C(1) << number;
    if ((ambient & bit) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)number, 0, 0) < 0)
      return report_capability(context, -errno, bit);
  }
  return 0;
}

int step_apply_credentials(struct step_context *context, const struct value *values) {
  struct bounding bounding = bounding_get();
  uint64_t known = bounding.known;
  struct capability_sets held, wanted = {
      .effective = values[STEP_APPLY_CREDENTIALS_EFFECTIVE].number & known,
      .permitted = values[STEP_APPLY_CREDENTIALS_PERMITTED].number & known,
      .inheritable = values[STEP_APPLY_CREDENTIALS_INHERITABLE].number & known,
  };
  int error = capabilities_get(&held);
  if (error < 0)
    return report(context, error, "capabilities");
  uint64_t missing = (wanted.permitted | wanted.effective) & ~held.permitted;
  if (missing != 0)
    return report_capability(context, -EPERM, missing);
  error = bound(context, values[STEP_APPLY_CREDENTIALS_BOUNDING].number, bounding);
  if (error < 0)
    return error;
  /* Leaving uid 0 empties the permitted set unless this is set; execve clears it (capabilities(7)). */
  if (prctl(PR_SET_KEEPCAPS, wanted.permitted != 0, 0, 0, 0) < 0)
    return report(context, -errno, "keeping capabilities");
  error = become(context);
  if (error < 0)
    return error;
  error = capabilities_set(&wanted);
  if (error < 0)
    return report(context, error, "capability sets");
  return raise_ambient(context, values[STEP_APPLY_CREDENTIALS_AMBIENT].number & known);
}

int step_no_new_privileges(struct step_context *context, const struct value *values) {
  (void)values;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? report(context, -errno, "no_new_privs") : 0;
}

int step_set_umask(struct step_context *context, const struct value *values) {
  uint64_t mask = values[STEP_SET_UMASK_UMASK].number;
  int error = check_at_most(context, "umask", mask, 0777);
  if (error < 0)
    return error;
  umask((mode_t)mask);
  return 0;
}

int step_unshare(struct step_context *context, const struct value *values) {
  uint64_t flags = values[STEP_UNSHARE_FLAGS].number;
  int error = check_at_most(context, "namespace flags", flags, INT32_MAX);
  if (error < 0)
    return error;
  return unshare((int)flags) < 0 ? report_number(context, -errno, "namespace flags", flags) : 0;
}
