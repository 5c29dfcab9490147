/*
 * Drives the unpacker and the removal of trees by themselves.
 *   unpack_driver unpack DIRECTORY WHITEOUTS MAX_ENTRIES MAX_BYTES MAX_HEADER_BYTES < archive
 *   unpack_driver remove DIRECTORY NAME
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../helper.h"

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
  if (count == 4 && strcmp(arguments[1], "remove") == 0)
    return drive_remove(arguments + 2);
  return 2;
}
