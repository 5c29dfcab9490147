/*
 * /etc/passwd and /etc/group of a container: written by whoever made the image, so read by descriptor inside its root,
 * from regular files only, and bounded in size, line length and numbers.
 */
#ifndef ISOPOD_STEPS_PASSWD_H
#define ISOPOD_STEPS_PASSWD_H

#include "../helper.h"

#define ACCOUNT_NAME_BYTES 256

struct account {
  uid_t uid;
  gid_t gid;
  char name[ACCOUNT_NAME_BYTES];
  char home[256];
};

/* 1 and the number, 0 when the text is none (then it is a name), -ERANGE for one that is no id: 4294967295 and above. */
int passwd_number(const char *text, uint32_t *number);
/* The first entry of that name or, where `name` is NULL, of that uid. 1 found, 0 not; errors have their detail set. */
int passwd_find_user(struct step_context *context, int root, const char *name, uid_t uid, struct account *account);
/* The first group of that name: as above. */
int passwd_find_group(struct step_context *context, int root, const char *name, gid_t *gid);
/* Adds the groups that list `member` to those of the credentials, each once. -E2BIG over MAX_GROUPS. */
int passwd_add_groups(struct step_context *context, int root, const char *member, struct credentials *credentials);

#endif
