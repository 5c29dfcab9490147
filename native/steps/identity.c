/* Steps that say who the container is: its name, and the user its command runs as. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "passwd.h"
#include "paths.h"
#include "report.h"

int step_set_hostname(struct step_context *context, const struct value *values) {
  const struct value *name = &values[STEP_SET_HOSTNAME_NAME];
  return sethostname(name->bytes, name->length) < 0 ? report(context, -errno, name->bytes) : 0;
}

/* Fills uid, gid and home. A number needs no entry; one that has none is in group 0 with `/` as home. */
static int find_user(struct step_context *context, int root, const char *user, struct account *account) {
  uint32_t uid;
  int number = passwd_number(user, &uid);
  if (number < 0)
    return report_about(context, number, "user id out of range", user);
  int found = passwd_find_user(context, root, number == 1 ? NULL : user, number == 1 ? uid : 0, account);
  if (found != 0)
    return found < 0 ? found : 0;
  if (number == 0)
    return report(context, -ENOENT, user);
  *account = (struct account){.uid = uid, .home = "/"};
  return 0;
}

static int find_group(struct step_context *context, int root, const char *group, gid_t *gid) {
  int number = passwd_number(group, gid);
  if (number < 0)
    return report_about(context, number, "group id out of range", group);
  if (number == 1)
    return 0;
  int found = passwd_find_group(context, root, group, gid);
  if (found == 0)
    return report(context, -ENOENT, group);
  return found < 0 ? found : 0;
}

/*
 * An empty user is uid 0, an empty group the user's own. Supplementary groups come from /etc/group only where no group was
 * given, as with other engines. Digits are always a number, so that an image cannot name an account "1000".
 *
 * The first supplementary group is the primary one: without it a set-group-id program could shed that group, and with it
 * what files deny to it (CVE-2022-36109).
 */
int step_resolve_user(struct step_context *context, const struct value *values) {
  const char *user = values[STEP_RESOLVE_USER_USER].bytes;
  const char *group = values[STEP_RESOLVE_USER_GROUP].bytes;
  int root = root_of(context);
  if (root < 0)
    return report(context, root, "/");
  struct account account;
  int error = find_user(context, root, user[0] != '\0' ? user : "0", &account);
  if (error < 0)
    return error;
  struct credentials *credentials = &context->credentials;
  credentials->uid = account.uid;
  credentials->gid = account.gid;
  memcpy(credentials->home, account.home, sizeof(credentials->home));
  if (group[0] != '\0')
    error = find_group(context, root, group, &credentials->gid);
  if (error < 0)
    return error;
  credentials->groups[0] = credentials->gid;
  credentials->group_count = 1;
  return group[0] == '\0' && account.name[0] != '\0' ? passwd_add_groups(context, root, account.name, credentials) : 0;
}
