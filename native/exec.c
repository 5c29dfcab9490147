/* The last step. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"

/* Where a command is looked up when its environment has no PATH. */
#define STANDARD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct command {
  char **arguments;
  char **environment;
  char home[sizeof "HOME=" + sizeof((struct credentials *)0)->home];
};

static char **fill(char **at, const struct value *list) {
  struct string_cursor cursor = string_cursor(list);
  const char *text;
  while ((text = string_next(&cursor)) != NULL) *at++ = (char *)(uintptr_t)text;
  return at;
}

static const char *lookup(char *const *environment, const char *name) {
  size_t length = strlen(name);
  for (; *environment != NULL; environment++) {
    if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return *environment + length + 1;
  }
  return NULL;
}

/* One block for both arrays: each has an end, and the environment room for HOME. */
static int build(struct command *command, const struct credentials *credentials, const struct value *values) {
  const struct value *arguments = &values[STEP_EXEC_ARGUMENTS], *environment = &values[STEP_EXEC_ENVIRONMENT];
  char **block = malloc(((size_t)arguments->count + environment->count + 3) * sizeof *block);
  if (block == NULL) return -ENOMEM;
  command->arguments = block;
  char **at = fill(block, arguments);
  *at++ = NULL;
  command->environment = at;
  at = fill(at, environment);
  *at = NULL;
  if (lookup(command->environment, "HOME") == NULL && credentials->home[0] != 0) {
    memcpy(command->home, "HOME=", sizeof "HOME=");
    memcpy(command->home + sizeof "HOME=" - 1, credentials->home, strnlen(credentials->home, sizeof credentials->home - 1));
    *at++ = command->home;
    *at = NULL;
  }
  return 0;
}

/* execve answers EACCES for a directory too; the caller should hear which it was. */
static int attempt(const char *path, const struct command *command) {
  struct stat status;
  execve(path, command->arguments, command->environment);
  int error = errno;
  if (error == EACCES && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
  return -error;
}

/* The next candidate of a PATH list; an empty item is the working directory, as ever. */
static int candidate(char *path, const char **list, const char *name) {
  size_t length = strcspn(*list, ":"), name_length = strlen(name);
  const char *directory = *list;
  *list = directory[length] == 0 ? NULL : directory + length + 1;
  if (length == 0) {
    directory = ".";
    length = 1;
  }
  if (length + 1 + name_length >= PATH_MAX) return -ENAMETOOLONG;
  memcpy(path, directory, length);
  path[length] = '/';
  memcpy(path + length + 1, name, name_length + 1);
  return 0;
}

static int search(const struct command *command) {
  const char *name = command->arguments[0], *list = lookup(command->environment, "PATH");
  char path[PATH_MAX];
  int refused = 0;
  if (strchr(name, '/') != NULL) return attempt(name, command);
  if (*name == 0) return -ENOENT;
  if (list == NULL) list = STANDARD_PATH;
  while (list != NULL) {
    int result = candidate(path, &list, name);
    if (result == 0) result = attempt(path, command);
    if (result == -EACCES || result == -EISDIR) refused = result;
    else if (result != -ENOENT && result != -ENOTDIR && result != -ENAMETOOLONG) return result;
  }
  return refused != 0 ? refused : -ENOENT;
}

int step_exec(struct step_context *context, const struct value *values) {
  struct command command = { 0 };
  if (context->launch == NULL || values[STEP_EXEC_ARGUMENTS].count == 0) return -EINVAL;
  int result = build(&command, &context->credentials, values);
  if (result < 0) return result;
  step_detail(context, command.arguments[0]);
  if (context->launch->values[MESSAGE_LAUNCH_REAPER].number != 0) {
    result = reaper_fork(context->launch);
    if (result < 0) return result;
  }
  process_close_on_exec_from(3);
  result = search(&command);
  free(command.arguments);
  return result;
}
