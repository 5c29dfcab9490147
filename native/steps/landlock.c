/*
 * Steps of a Landlock ruleset (landlock(7)), which lies in a slot until it is put in force. What it handles depends on what
 * the kernel can: the plan brings a table with a row for each version of the interface.
 */
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "paths.h"
#include "report.h"

/* As linux/landlock.h of a kernel from 6.12 on has it; headers may be older than the kernel. */
struct ruleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};
struct port_rule {
  uint64_t allowed_access;
  uint64_t port;
};
#define RULE_PATH 1
#define RULE_PORT 2

/* The row of a table of u64 for this version of the interface: its last one where the kernel is newer; 0 without rows. */
static uint64_t row(const struct value *table, uint64_t version) {
  uint64_t rows = table->length / sizeof(uint64_t), entry = 0;
  if (rows == 0 || version == 0)
    return 0;
  uint64_t index = version < rows ? version - 1 : rows - 1;
  memcpy(&entry, table->bytes + index * sizeof entry, sizeof entry);
  return entry;
}

/* A kernel from before a field wants it left out, not zero in a longer struct: zeros behind what it knows are fine. */
int step_landlock_create(struct step_context *context, const struct value *values) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  uint64_t least = values[STEP_LANDLOCK_CREATE_LEAST_VERSION].number;
  if (version < 0)
    return report(context, -EOPNOTSUPP, "this kernel has no Landlock, or it is switched off");
  if ((uint64_t)version < least)
    return report_number(context, -EOPNOTSUPP, "this kernel has Landlock of version", (uint64_t)version);
  struct ruleset ruleset = {
      .handled_access_fs = row(&values[STEP_LANDLOCK_CREATE_PATH_ACCESS], (uint64_t)version),
      .handled_access_net = row(&values[STEP_LANDLOCK_CREATE_PORT_ACCESS], (uint64_t)version),
      .scoped = row(&values[STEP_LANDLOCK_CREATE_SCOPES], (uint64_t)version),
  };
  long descriptor = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
  if (descriptor < 0)
    return report_number(context, -errno, "Landlock of version", (uint64_t)version);
  return slot_fill(context, values[STEP_LANDLOCK_CREATE_SLOT].number, (int)descriptor);
}

/* What the ruleset does not handle cannot be allowed: a kernel that is older than a right refuses it (EINVAL). */
static int add_path(int ruleset, int path, uint64_t access) {
  struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = path};
  return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) < 0 ? -errno : 0;
}

int step_landlock_path(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_LANDLOCK_PATH_PATH].bytes;
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  int ruleset = slot_get(context, values[STEP_LANDLOCK_PATH_SLOT].number);
  if (ruleset < 0)
    return ruleset;
  int root = root_of(context);
  cleanup_close int top = root < 0 ? root : path_open(root, path, O_PATH, 1);
  if (top < 0)
    return report(context, top, path);
  struct stat status;
  if (fstat(top, &status) < 0)
    return report(context, -errno, path);
  const struct value *table = &values[S_ISDIR(status.st_mode) ? STEP_LANDLOCK_PATH_DIRECTORY_ACCESS : STEP_LANDLOCK_PATH_FILE_ACCESS];
  int error = add_path(ruleset, top, row(table, version < 0 ? 0 : (uint64_t)version));
  return error < 0 ? report(context, error, path) : 0;
}

int step_landlock_port(struct step_context *context, const struct value *values) {
  int ruleset = slot_get(context, values[STEP_LANDLOCK_PORT_SLOT].number);
  struct port_rule rule = {
      .allowed_access = values[STEP_LANDLOCK_PORT_ACCESS].number,
      .port = values[STEP_LANDLOCK_PORT_PORT].number,
  };
  if (ruleset < 0)
    return ruleset;
  if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) < 0)
    return report_number(context, -errno, "port", rule.port);
  return 0;
}

/* Needs CAP_SYS_ADMIN or no_new_privs; from here on it holds for this process and all that come from it. */
int step_landlock_restrict(struct step_context *context, const struct value *values) {
  int ruleset = slot_get(context, values[STEP_LANDLOCK_RESTRICT_SLOT].number);
  if (ruleset < 0)
    return ruleset;
  if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
    return report(context, -errno, "Landlock");
  slot_empty(context, values[STEP_LANDLOCK_RESTRICT_SLOT].number);
  return 0;
}
