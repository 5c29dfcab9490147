/* For tests of single steps: values as the decoder would give them, a scratch tree, namespaces of one's own. */
#ifndef ISOPOD_STEPS_HARNESS_H
#define ISOPOD_STEPS_HARNESS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../helper.h"

/* Seconds after which a test, or what it has started, is ended. */
#define LONGEST_TEST_S 60

struct test {
  const char *name;
  void (*run)(void);
};
/* Each list ends with an empty entry. */
extern const struct test MOUNT_TESTS[], ATTACH_TESTS[], MASK_TESTS[], USER_TESTS[], RIGHTS_TESTS[], HOST_TESTS[], CGROUP_TESTS[];
extern const struct test SETTINGS_TESTS[], NAMESPACE_TESTS[], USER_NAMESPACE_TESTS[], MAPPED_TESTS[];
extern const struct test VOLUME_TESTS[], TREE_TESTS[], IDMAP_TESTS[], PROGRAM_TESTS[], DISK_TESTS[], KERNEL_TESTS[], ROOTFS_TESTS[];
extern const struct test SETTLE_TESTS[];

/* Ends the test's process with what was wrong. */
_Noreturn void test_fail(const char *file, int line, const char *what, long got);
#define CHECK(condition) \
  do { \
    if (!(condition)) test_fail(__FILE__, __LINE__, #condition, errno); \
  } while (0)
#define CHECK_IS(expression, expected) \
  do { \
    long got_ = (long)(expression); \
    if (got_ != (long)(expected)) test_fail(__FILE__, __LINE__, #expression " is not " #expected, got_); \
  } while (0)

/* The context that the steps of a test work on. */
extern struct step_context context;
#define DETAIL_HAS(text) CHECK(strstr(context.detail, text) != NULL)

struct value number(uint64_t value);
struct value text(const char *value);
struct value data(const char *bytes, uint32_t length);
/* Ends with NULL. The memory is the process's for good. */
struct value list(const char *const *items);
#define LIST(...) list((const char *const[]){__VA_ARGS__, NULL})
#define STEP(function, ...) function(&context, (struct value[]){__VA_ARGS__, number(0)})

/* A path below the scratch directory, which is a tmpfs of the test's own mount namespace; from a ring of 16 buffers. */
const char *scratch(const char *path);
void make_dir(const char *path);
void make_file(const char *path, const char *content);
void make_link(const char *target, const char *path);
/* What a file holds, or NULL; from a static buffer. */
const char *content_of(const char *path);
/* The value of a field of /proc/self/status as hexadecimal (or of the first number as decimal with `base` 10). */
uint64_t status_field(const char *field, int base);
/* A directory `image` in the scratch tree, made the future root at `root`. Files may be made in it before or after. */
void attach_image(void);
/* From here on mount_setattr(2) answers with this errno in this process. */
void forbid_mount_setattr(int error);

#endif
