#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steps_harness.h"

static int resolve(const char *user, const char *group) {
  return STEP(step_resolve_user, text(user), text(group));
}

static void write_bytes(const char *path, const char *bytes, size_t length) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  CHECK(file >= 0);
  while (length > 0) {
    ssize_t count = write(file, bytes, length);
    CHECK(count > 0);
    bytes += count;
    length -= (size_t)count;
  }
  close(file);
}

static void prepare(const char *users, const char *groups) {
  attach_image();
  make_dir(scratch("image/etc"));
  if (users != NULL) make_file(scratch("image/etc/passwd"), users);
  if (groups != NULL) make_file(scratch("image/etc/group"), groups);
}

static const char USERS[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n\n:::\n"
    "web:x:33:44:Web, Server:/srv/web:/bin/false\n"
    "1000:x:0:0::/:\n"
    "bare:x:7:8";
static const char GROUPS[] = "root:x:0:\nweb:x:44:web\nadm:x:4:other,web,more\nstaff:x:50:webmaster,web\nnear:x:70:webmaster,xweb,we\nlast:x:60:web";

static void by_name(void) {
  prepare(USERS, GROUPS);
  CHECK_IS(resolve("web", ""), 0);
  CHECK_IS(context.credentials.uid, 33);
  CHECK_IS(context.credentials.gid, 44);
  CHECK_IS(context.credentials.group_count, 4);
  CHECK_IS(context.credentials.groups[0], 44);
  CHECK_IS(context.credentials.groups[1], 4);
  CHECK_IS(context.credentials.groups[2], 50);
  CHECK_IS(context.credentials.groups[3], 60);
  CHECK(strcmp(context.credentials.home, "/srv/web") == 0);
  CHECK_IS(resolve("web", "staff"), 0);
  CHECK_IS(context.credentials.gid, 50);
  CHECK_IS(context.credentials.group_count, 1);
  CHECK_IS(context.credentials.groups[0], 50);
  CHECK_IS(resolve("bare", "last"), 0);
  CHECK_IS(context.credentials.uid, 7);
  CHECK(strcmp(context.credentials.home, "/") == 0);
}

static void by_number(void) {
  prepare(USERS, GROUPS);
  CHECK_IS(resolve("33", ""), 0);
  CHECK_IS(context.credentials.gid, 44);
  CHECK_IS(context.credentials.group_count, 4);
  CHECK_IS(resolve("1000", ""), 0);
  CHECK_IS(context.credentials.uid, 1000);
  CHECK_IS(context.credentials.gid, 0);
  CHECK(strcmp(context.credentials.home, "/") == 0);
  CHECK_IS(context.credentials.group_count, 1);
  CHECK_IS(resolve("1000", "77"), 0);
  CHECK_IS(context.credentials.gid, 77);
  CHECK_IS(context.credentials.groups[0], 77);
  CHECK_IS(resolve("", ""), 0);
  CHECK_IS(context.credentials.uid, 0);
  CHECK(strcmp(context.credentials.home, "/root") == 0);
}

static void missing(void) {
  prepare(NULL, NULL);
  CHECK_IS(resolve("web", ""), -ENOENT);
  DETAIL_HAS("web");
  CHECK_IS(resolve("5", "nogroup"), -ENOENT);
  DETAIL_HAS("nogroup");
  CHECK_IS(resolve("5", "6"), 0);
  CHECK_IS(context.credentials.uid, 5);
  CHECK_IS(context.credentials.gid, 6);
}

static void links_stay_inside(void) {
  make_file(scratch("host-passwd"), "host:x:99:99::/:\n");
  prepare(NULL, NULL);
  make_link(scratch("host-passwd"), scratch("image/etc/passwd"));
  CHECK_IS(resolve("host", ""), -ENOENT);
  CHECK(unlink(scratch("image/etc/passwd")) == 0);
  make_link("../../../../../../../../../../../../../etc/passwd", scratch("image/etc/passwd"));
  CHECK_IS(resolve("root", ""), -ELOOP);
  CHECK(unlink(scratch("image/etc/passwd")) == 0);
  make_link("../usr/passwd", scratch("image/etc/passwd"));
  make_dir(scratch("image/usr"));
  make_file(scratch("image/usr/passwd"), "inner:x:98:97::/in:\n");
  CHECK_IS(resolve("inner", ""), 0);
  CHECK_IS(context.credentials.uid, 98);
}

static void only_regular_files(void) {
  prepare(NULL, NULL);
  CHECK(mkfifo(scratch("image/etc/passwd"), 0644) == 0);
  CHECK_IS(resolve("web", ""), -EINVAL);
  DETAIL_HAS("/etc/passwd");
  CHECK(unlink(scratch("image/etc/passwd")) == 0);
  make_dir(scratch("image/etc/passwd"));
  CHECK_IS(resolve("0", ""), -EINVAL);
}

static void bad_numbers(void) {
  prepare("big:x:4294967296:0::/:\nminus:x:-1:0::/:\nnone:x:4294967295:0::/:\nnogid:x:5:x::/:\nbig:x:1:1::/:\n",
          "big:x:4294967296:\nweb:x:99999999999999999999:member\n");
  CHECK_IS(resolve("big", ""), -EINVAL);
  DETAIL_HAS("big");
  CHECK_IS(resolve("minus", ""), -EINVAL);
  CHECK_IS(resolve("none", ""), -EINVAL);
  CHECK_IS(resolve("nogid", ""), -EINVAL);
  CHECK_IS(resolve("4294967296", ""), -ERANGE);
  DETAIL_HAS("4294967296");
  CHECK_IS(resolve("4294967295", ""), -ERANGE);
  CHECK_IS(resolve("18446744073709551616", ""), -ERANGE);
  CHECK_IS(resolve("1", "4294967296"), -ERANGE);
  CHECK_IS(resolve("1", "big"), -EINVAL);
  CHECK_IS(resolve("4294967294", ""), 0);
  CHECK_IS(context.credentials.uid, 4294967294);
}

static void huge_files(void) {
  prepare(NULL, NULL);
  size_t size = 3 << 20;
  char *bytes = malloc(size);
  CHECK(bytes != NULL);
  memset(bytes, 'a', size);
  write_bytes(scratch("image/etc/passwd"), bytes, size);
  CHECK_IS(resolve("web", ""), -EOVERFLOW);
  DETAIL_HAS("/etc/passwd");
  memset(bytes, '\n', size);
  write_bytes(scratch("image/etc/passwd"), bytes, size);
  CHECK_IS(resolve("web", ""), -EFBIG);
  DETAIL_HAS("/etc/passwd");
}

static void hostile_lines(void) {
  prepare(NULL, NULL);
  static const char bytes[] = "web\0:x:0:0::/:\ncut:x:5:5::/\0:\nweb:x:12:13::relative:\nlong:x:1:1::/";
  char file[1024];
  memcpy(file, bytes, sizeof(bytes) - 1);
  memset(file + sizeof(bytes) - 1, 'h', 400);
  write_bytes(scratch("image/etc/passwd"), file, sizeof(bytes) - 1 + 400);
  CHECK_IS(resolve("web", ""), 0);
  CHECK_IS(context.credentials.uid, 12);
  CHECK(strcmp(context.credentials.home, "/") == 0);
  CHECK_IS(resolve("cut", ""), -ENOENT);
  CHECK_IS(resolve("long", ""), -ENAMETOOLONG);
}

/* Whatever the bytes are: no crash, and an answer that is one of those the step may give. */
static void any_bytes(void) {
  static const char alphabet[] = "web:::,,\n\n0123456789x/\0";
  prepare(NULL, NULL);
  uint32_t state = 1;
  for (int round = 0; round < 300; round++) {
    char bytes[700];
    for (size_t i = 0; i < sizeof(bytes); i++) {
      state = state * 1664525 + 1013904223;
      bytes[i] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
    }
    write_bytes(scratch("image/etc/passwd"), bytes, sizeof(bytes));
    write_bytes(scratch("image/etc/group"), bytes, sizeof(bytes));
    int result = resolve("w", round % 2 == 0 ? "" : "e");
    CHECK(result == 0 || result == -ENOENT || result == -EINVAL || result == -ENAMETOOLONG);
    CHECK(result != 0 || context.credentials.home[0] == '/');
  }
}

static void too_many_groups(void) {
  prepare("web:x:1:1::/:\n", NULL);
  char groups[16384];
  size_t length = 0;
  for (int i = 0; i < MAX_GROUPS + 1; i++)
    length += (size_t)snprintf(groups + length, sizeof(groups) - length, "g%d:x:%d:web\ng%d:x:%d:web\n", i, i + 2, i, i + 2);
  make_file(scratch("image/etc/group"), groups);
  CHECK_IS(resolve("web", ""), -E2BIG);
  DETAIL_HAS("/etc/group");
}

const struct test USER_TESTS[] = {
    {"a user is found by name with groups and home", by_name},
    {"digits are a number, with or without an entry", by_number},
    {"a missing user or group is named, numbers need no files", missing},
    {"a symlinked passwd file is read inside the root only", links_stay_inside},
    {"a passwd that is a fifo or a directory is refused", only_regular_files},
    {"ids that do not fit are refused, also behind a second entry", bad_numbers},
    {"an endless passwd file or line is refused", huge_files},
    {"NUL bytes, relative homes and endless homes do no harm", hostile_lines},
    {"any bytes in passwd and group get an orderly answer", any_bytes},
    {"more groups than there is room for are refused", too_many_groups},
    {NULL, NULL},
};
