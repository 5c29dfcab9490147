#include "passwd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "descriptors.h"
#include "lines.h"
#include "paths.h"
#include "report.h"

#define FILE_LIMIT (1u << 20)
#define MAX_FIELDS 7

/* (uid_t)-1 means "leave it" to setresuid(2). */
#define LARGEST_ID 4294967294u

static const char USERS[] = "/etc/passwd";
static const char GROUPS[] = "/etc/group";

int passwd_number(const char *text, uint32_t *number) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || text[digits] != '\0')
    return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < digits; i++) {
    value = value * 10 + (uint64_t)(text[i] - '0');
    if (value > LARGEST_ID)
      return -ERANGE;
  }
  *number = (uint32_t)value;
  return 1;
}

/*
 * Opens a regular file. It is looked at before it is opened for reading, for opening a device or a FIFO can block or
 * do something. -ENOENT when it is missing.
 */
static int open_regular(int root, const char *path) {
  cleanup_close int found = path_open(root, path, O_PATH, 1);
  struct stat status, again;
  if (found < 0)
    return found;
  if (fstat(found, &status) < 0)
    return -errno;
  if (!S_ISREG(status.st_mode))
    return -EINVAL;
  cleanup_close int file = path_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 1);
  if (file < 0)
    return file;
  if (fstat(file, &again) < 0)
    return -errno;
  return again.st_ino == status.st_ino && again.st_dev == status.st_dev ? descriptor_keep(&file) : -EAGAIN;
}

static int refuse(struct step_context *context, const char *path, int error) {
  const char *why = error == -EFBIG        ? "larger than 1 MiB"
                    : error == -EOVERFLOW ? "a line longer than 32 KiB"
                    : error == -EINVAL    ? "not a regular file"
                                          : "cannot be read";
  return report_about(context, error, path, why);
}

/* Cuts a line at its colons; returns how many fields there are. The last one keeps colons that are too many. */
static int split(char *line, char *fields[MAX_FIELDS]) {
  int count = 0;
  while (line != NULL && count < MAX_FIELDS) {
    fields[count++] = line;
    line = strchr(line, ':');
    if (line != NULL)
      *line++ = '\0';
  }
  return count;
}

/* Called for every well-formed line; other than 0 ends the walk and is its result. */
typedef int entry_visitor(char *fields[MAX_FIELDS], int count, void *what);

static int each_entry(struct step_context *context, int root, const char *path, entry_visitor *visitor, void *what) {
  cleanup_close int file = open_regular(root, path);
  if (file == -ENOENT || file == -ENOTDIR)
    return 0;
  if (file < 0)
    return refuse(context, path, file);
  struct lines lines;
  lines_init(&lines, file, FILE_LIMIT);
  char *line;
  uint32_t length;
  int more;
  while ((more = lines_next(&lines, &line, &length)) > 0) {
    char *fields[MAX_FIELDS];
    /* A NUL would end the line early for us and not for others. */
    if (memchr(line, '\0', length) != NULL)
      continue;
    int result = visitor(fields, split(line, fields), what);
    if (result != 0)
      return result < 0 ? report_about(context, result, path, line) : result;
  }
  return more < 0 ? refuse(context, path, more) : 0;
}

static int copy_text(char *to, size_t size, const char *from) {
  size_t length = strlen(from);
  if (length >= size)
    return -ENAMETOOLONG;
  memcpy(to, from, length + 1);
  return 0;
}

struct user_search {
  const char *name;
  uid_t uid;
  struct account *account;
};

/* name:password:uid:gid:comment:home:shell (passwd(5)) */
static int visit_user(char *fields[MAX_FIELDS], int count, void *what) {
  const struct user_search *search = what;
  struct account *account = search->account;
  if (count < 4)
    return 0;
  int named = search->name != NULL && strcmp(fields[0], search->name) == 0;
  if (search->name != NULL && !named)
    return 0;
  int valid = passwd_number(fields[2], &account->uid) == 1 && passwd_number(fields[3], &account->gid) == 1;
  /* A line further down must not stand in for a broken one of that very name. */
  if (!valid)
    return named ? -EINVAL : 0;
  if (!named && account->uid != search->uid)
    return 0;
  int error = copy_text(account->name, sizeof(account->name), fields[0]);
  const char *home = count > 5 && fields[5][0] == '/' ? fields[5] : "/";
  if (error == 0)
    error = copy_text(account->home, sizeof(account->home), home);
  return error < 0 ? error : 1;
}

int passwd_find_user(struct step_context *context, int root, const char *name, uid_t uid, struct account *account) {
  struct user_search search = {.name = name, .uid = uid, .account = account};
  return each_entry(context, root, USERS, visit_user, &search);
}

struct group_search {
  const char *name;
  gid_t *gid;
};

/* name:password:gid:member,member (group(5)) */
static int visit_group(char *fields[MAX_FIELDS], int count, void *what) {
  const struct group_search *search = what;
  if (count < 3 || strcmp(fields[0], search->name) != 0)
    return 0;
  return passwd_number(fields[2], search->gid) == 1 ? 1 : -EINVAL;
}

int passwd_find_group(struct step_context *context, int root, const char *name, gid_t *gid) {
  struct group_search search = {.name = name, .gid = gid};
  return each_entry(context, root, GROUPS, visit_group, &search);
}

static int is_listed(const char *members, const char *member) {
  size_t length = strlen(member);
  while (*members != '\0') {
    size_t part = strcspn(members, ",");
    if (part == length && memcmp(members, member, length) == 0)
      return 1;
    members += part + (members[part] == ',');
  }
  return 0;
}

struct member_search {
  const char *member;
  struct credentials *credentials;
};

static int visit_membership(char *fields[MAX_FIELDS], int count, void *what) {
  const struct member_search *search = what;
  struct credentials *credentials = search->credentials;
  if (count < 4 || !is_listed(fields[3], search->member))
    return 0;
  gid_t gid;
  if (passwd_number(fields[2], &gid) != 1)
    return -EINVAL;
  for (int i = 0; i < credentials->group_count; i++) {
    if (credentials->groups[i] == gid)
      return 0;
  }
  if (credentials->group_count == MAX_GROUPS)
    return -E2BIG;
  credentials->groups[credentials->group_count++] = gid;
  return 0;
}

int passwd_add_groups(struct step_context *context, int root, const char *member, struct credentials *credentials) {
  struct member_search search = {.member = member, .credentials = credentials};
  return each_entry(context, root, GROUPS, visit_membership, &search);
}
