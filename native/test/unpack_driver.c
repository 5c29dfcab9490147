/*
 * Drives the unpacker and the removal of trees by themselves.
 *   unpack_driver unpack DIRECTORY WHITEOUTS MAX_ENTRIES MAX_BYTES MAX_HEADER_BYTES < archive
 *   unpack_driver remove DIRECTORY NAME [SWAPPED OUTSIDE]
 * With the last two, the directory SWAPPED becomes a symlink to OUTSIDE at the worst moment: it was found to be a directory
 * with something in it, and is about to be opened. Linked with --wrap=unlinkat.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../helper.h"

static const char *swapped = "";
static const char *outside = "";

int __real_unlinkat(int directory, const char *name, int flags);
int __wrap_unlinkat(int directory, const char *name, int flags);

int __wrap_unlinkat(int directory, const char *name, int flags) {
  int result = __real_unlinkat(directory, name, flags);
  int error = errno;
  if (result < 0 && (flags & AT_REMOVEDIR) && strcmp(name, swapped) == 0) {
    swapped = "";
    if (renameat(directory, name, directory, "away") < 0 || symlinkat(outside, directory, name) < 0)
      abort();
  }
  errno = error;
  return result;
}

static int drive_unpack(char **arguments) {
  struct value values[MAX_VALUES] = { 0 };
  values[MESSAGE_UNPACK_DIRECTORY].bytes = arguments[0];
  for (int i = MESSAGE_UNPACK_WHITEOUTS; i <= MESSAGE_UNPACK_MAX_HEADER_BYTES; i++)
    values[i].number = strtoull(arguments[i], NULL, 10);
  return unpack_serve(0, values) == 0 ? 0 : 1;
}

static int drive_remove(char **arguments) {
  static struct step_context context;
  struct value values[MAX_VALUES] = { 0 };
  values[STEP_REMOVE_TREE_DIRECTORY].bytes = arguments[0];
  values[STEP_REMOVE_TREE_NAME].bytes = arguments[1];
  int result = step_remove_tree(&context, values);
  printf(result == 0 ? "done\n" : "failed %d 0 %s\n", -result, context.detail);
  return 0;
}

int main(int count, char **arguments) {
  if (count == 7 && strcmp(arguments[1], "unpack") == 0)
    return drive_unpack(arguments + 2);
  if (count == 6) {
    swapped = arguments[4];
    outside = arguments[5];
  }
  if ((count == 4 || count == 6) && strcmp(arguments[1], "remove") == 0)
    return drive_remove(arguments + 2);
  return 2;
}
