/*
 * The caller's end of a copy, with the caller's rights: `pack` writes an archive of a path to standard output, `unpack` reads
 * one from standard input. What failed is a line `ERRNO PATH` on standard error.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../steps/descriptors.h"
#include "../unpack/unpack.h"

#define HEADER_LIMIT (1 << 20)

static int complain(int error, const char *about) {
  dprintf(STDERR_FILENO, "%d %s\n", -error, about);
  return EXIT_FAILURE;
}

/* [follow] [attributes] in one word, `-` for none: then PATH NAME. */
int copy_pack_main(char **arguments) {
  if (arguments[0] == NULL || arguments[1] == NULL || arguments[2] == NULL)
    return complain(-EINVAL, "pack: FLAGS PATH NAME");
  const char *flags = arguments[0], *path = arguments[1];
  signal(SIGPIPE, SIG_IGN);
  struct pack *pack = calloc(1, sizeof(*pack));
  if (pack == NULL)
    return complain(-ENOMEM, path);
  pack->attributes = strstr(flags, "attributes") != NULL ? PACK_ATTRIBUTES_PORTABLE : PACK_ATTRIBUTES_NONE;
  pack->proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  text_cut(pack->name, sizeof(pack->name), path);
  cleanup_close int source = open(path, O_PATH | (strstr(flags, "follow") != NULL ? 0 : O_NOFOLLOW) | O_CLOEXEC);
  int result = source < 0 ? -errno : sink_open(&pack->sink, STDOUT_FILENO, 0);
  if (result == 0)
    result = pack_all(pack, source, arguments[2]);
  int code = result < 0 ? complain(result, pack->name_length > 0 ? pack->name : path) : EXIT_SUCCESS;
  pack_end(pack);
  free(pack);
  return code;
}

/* `archive` or `-`, then DIRECTORY. */
int copy_unpack_main(char **arguments) {
  if (arguments[0] == NULL || arguments[1] == NULL)
    return complain(-EINVAL, "unpack: FLAGS DIRECTORY");
  cleanup_close int directory = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return complain(-errno, arguments[1]);
  struct unpack *unpack = calloc(1, sizeof(*unpack));
  if (unpack == NULL)
    return complain(-ENOMEM, arguments[1]);
  unpack->merges = 1;
  unpack->whiteouts = WHITEOUTS_NONE;
  unpack->owners = strcmp(arguments[0], "archive") == 0 ? OWNERS_ARCHIVE : OWNERS_CALLER;
  unpack->max_entries = unpack->max_bytes = INT64_MAX;
  unpack->archive.header_limit = HEADER_LIMIT;
  int result = unpack_begin(unpack, STDIN_FILENO, directory);
  if (result == 0)
    result = unpack_all(unpack);
  int code = result < 0 ? complain(result, unpack->entry.name) : EXIT_SUCCESS;
  unpack_end(unpack);
  free(unpack);
  return code;
}
