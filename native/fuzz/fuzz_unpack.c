/*
 * The unpacker. Works in the present directory; whatever escapes from the target is found by a canary. A block that had a
 * right checksum gets one again after a change, so that damage gets past the first check.
 */
#include "fuzz.h"

#include "../unpack/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok)
    return;
  fprintf(stderr, "fuzz_unpack: %s: %s\n", what, strerror(errno));
  abort();
}

/* The target and its only neighbour, which no archive may touch. */
static int enter_jail(void) {
  must(mkdir("jail", 0700) == 0 && mkdir("jail/target", 0700) == 0, "mkdir");
  int canary = open("jail/canary", O_WRONLY | O_CREAT | O_EXCL, 0400);
  must(canary >= 0 && write(canary, "alive", 5) == 5, "canary");
  close(canary);
  int target = open("jail/target", O_RDONLY | O_DIRECTORY);
  must(target >= 0, "open");
  return target;
}

static void leave_jail(int target) {
  struct stat status;
  must(stat("jail/canary", &status) == 0 && status.st_size == 5 && status.st_nlink == 1 && status.st_mode == (S_IFREG | 0400),
       "something outside the target was touched");
  must(unlink("jail/canary") == 0, "unlink");
  close(target);
  must(remove_tree(AT_FDCWD, "jail/target", NULL) == 0, "remove_tree");
  must(rmdir("jail") == 0, "something outside the target was made");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int target = enter_jail();
  int source = memfd_create("archive", MFD_CLOEXEC);
  must(source >= 0 && write(source, data, size) == (ssize_t)size && lseek(source, 0, SEEK_SET) == 0, "memfd");
  struct unpack *unpack = calloc(1, sizeof *unpack);
  must(unpack != NULL, "calloc");
  unpack->max_entries = 200;
  unpack->max_bytes = 1 << 20;
  unpack->archive.header_limit = 1 << 16;
  if (unpack_begin(unpack, source, target) == 0)
    unpack_all(unpack);
  unpack_end(unpack);
  free(unpack);
  close(source);
  leave_jail(target);
  return 0;
}

static void repair_checksum(uint8_t *block) {
  unsigned sum = 0;
  memset(block + 148, ' ', 8);
  for (int i = 0; i < BLOCK_BYTES; i++)
    sum += block[i];
  snprintf((char *)block + 148, 7, "%06o", sum & 0777777);
}

void fuzz_change(uint8_t *data, size_t size, uint32_t *state) {
  uint32_t changes = 1 + fuzz_random(state) % 4;
  while (changes-- > 0) {
    size_t at = fuzz_random(state) % size;
    uint8_t *block = data + at / BLOCK_BYTES * BLOCK_BYTES;
    int whole = at / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES <= size;
    int header = whole && header_check(block) == 0;
    data[at] = fuzz_random(state) % 3 == 0 ? (uint8_t)('0' + fuzz_random(state) % 8) : (uint8_t)fuzz_random(state);
    if (header)
      repair_checksum(block);
  }
}
