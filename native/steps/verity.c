#include "verity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../file_access.h"
#include "descriptors.h"
#include "report.h"

#define SHA256_BYTES 32
#define BLOCK_BYTES 4096

int verity_measure(int file, char *text) {
  union {
    struct fsverity_digest digest;
    unsigned char bytes[sizeof(struct fsverity_digest) + SHA256_BYTES];
  } measured = {.digest.digest_size = SHA256_BYTES};
  if (ioctl(file, FS_IOC_MEASURE_VERITY, &measured) < 0)
    return -errno;
  if (measured.digest.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 || measured.digest.digest_size != SHA256_BYTES)
    return -EBADMSG;
  memcpy(text, "sha256:", 7);
  for (int i = 0; i < SHA256_BYTES; i++)
    snprintf(text + 7 + 2 * i, 3, "%02x", measured.bytes[sizeof(struct fsverity_digest) + i]);
  return 0;
}

int verity_check(int file, const char *expected) {
  char found[VERITY_TEXT_BYTES];
  if (expected[0] == '\0')
    return 0;
  return verity_measure(file, found) < 0 || strcmp(found, expected) != 0 ? -EBADMSG : 0;
}

/*
 * What file systems and kernels without it answer; EINVAL: its blocks are of another size than the file system's; EPERM: this host takes
 * signed files alone (fs.verity.require_signatures).
 */
static int cannot(int error) {
  return error == ENOTTY || error == EOPNOTSUPP || error == EINVAL || error == ENOPKG || error == ENOSYS || error == EPERM;
}

static int seal(int file, char *text) {
  struct fsverity_enable_arg wanted = {
      .version = 1,
      .hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
      .block_size = BLOCK_BYTES,
  };
  if (ioctl(file, FS_IOC_ENABLE_VERITY, &wanted) == 0 || errno == EEXIST)
    return verity_measure(file, text);
  if (!cannot(errno))
    return -errno;
  memcpy(text, "none", sizeof("none"));
  return 0;
}

int step_enable_verity(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_ENABLE_VERITY_PATH].bytes, *digest = values[STEP_ENABLE_VERITY_DIGEST].bytes;
  char text[VERITY_TEXT_BYTES];
  cleanup_close int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0)
    return report(context, -errno, path);
  int error = seal(file, text);
  if (error < 0)
    return report_about(context, error, path, "fs-verity");
  cleanup_close int told = open(digest, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (told < 0)
    return report(context, -errno, digest);
  error = write_all(told, text, strlen(text));
  return error < 0 ? report(context, error, digest) : 0;
}
