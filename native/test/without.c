/*
 * Defences taken away, one by one, for the tests of attacks: each block stands in (ld --wrap) for functions of the helper
 * and does what an engine without the defence does. Linked with the shipped objects into a directory of a test's own; no
 * build of ours compiles it. Which functions a block stands in for: test/attacks/support/weakened-helper.ts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../core.h"
#include "../steps/filesystem.h"
#include "../steps/passwd.h"
#include "../steps/paths.h"

long __real_syscall(long number, ...);
int __real_path_make(int root, const char *path, enum path_create create, int symlinks);
int __real_fstat(int descriptor, struct stat *status);
/* Declared for all blocks, so that a stand-in that drifts from what it stands in for does not compile. */
__typeof__(image_protect) __wrap_image_protect;
__typeof__(process_close_from) __wrap_process_close_from, __wrap_process_close_on_exec_from;
__typeof__(path_make) __wrap_path_make;
__typeof__(passwd_number) __wrap_passwd_number;
__typeof__(passwd_find_user) __wrap_passwd_find_user;
__typeof__(terminal_open) __wrap_terminal_open;
__typeof__(session_appears_at) __wrap_session_appears_at;
__typeof__(session_forget) __wrap_session_forget;

/* The program runs from its file on the host (CVE-2019-5736). */
#ifdef ISOPOD_TEST_WITHOUT_SEALED_PROGRAM
int __wrap_image_protect(char **argv) {
  (void)argv;
  return 0;
}
#endif

/* What the engine has open stays open in the container (CVE-2024-21626). */
#ifdef ISOPOD_TEST_WITHOUT_CLOSED_DESCRIPTORS
void __wrap_process_close_from(unsigned first) {
  (void)first;
}

void __wrap_process_close_on_exec_from(unsigned first) {
  (void)first;
}
#endif

/* Every path is opened as it is, and what getcwd(2) tells of a directory outside the root is believed. */
#ifdef ISOPOD_TEST_WITHOUT_RESOLVED_PATHS
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (number == SYS_openat2) {
    const struct open_how *how = (const void *)c;
    const char *path = (const char *)b;
    if (how->resolve & RESOLVE_IN_ROOT) path += strspn(path, "/");
    return openat((int)a, *path != 0 ? path : ".", (int)how->flags, (mode_t)how->mode);
  }
  if (number == SYS_getcwd) return (long)strlen(strcpy((char *)a, "/")) + 1;
  return __real_syscall(number, a, b, c, d, e, f);
}
#endif

/* A path is looked up twice: to see that it stays inside, then to use it (CVE-2021-30465). */
#ifdef ISOPOD_TEST_WITHOUT_PATHS_RESOLVED_ONCE
int __wrap_path_make(int root, const char *path, enum path_create create, int symlinks) {
  char name[PATH_MAX], copy[PATH_MAX], *rest = copy, *part;
  int checked = __real_path_make(root, path, create, symlinks);
  if (checked < 0) return checked;
  close(checked);
  snprintf(copy, sizeof copy, "%s", path);
  int length = snprintf(name, sizeof name, "/proc/self/fd/%d", root);
  while ((part = strsep(&rest, "/")) != NULL) {
    if (*part == 0) continue;
    length += snprintf(name + length, sizeof name - (size_t)length, "/%s", part);
    if (rest != NULL || create == PATH_MAKE_DIRECTORIES) mkdir(name, 0755);
  }
  int found = open(name, O_PATH | O_CLOEXEC);
  return found < 0 ? -errno : found;
}
#endif

/* Links on the way to /proc, /sys and /dev are followed (CVE-2019-19921). */
#ifdef ISOPOD_TEST_WITHOUT_REFUSED_LINKS
int __wrap_path_make(int root, const char *path, enum path_create create, int symlinks) {
  (void)symlinks;
  return __real_path_make(root, path, create, 1);
}
#endif

/* Whatever lies at the name of the null device is one (CVE-2025-31133). */
#ifdef ISOPOD_TEST_WITHOUT_VERIFIED_NULL
int __wrap_fstat(int descriptor, struct stat *status) {
  char link[32], name[PATH_MAX] = "";
  int result = __real_fstat(descriptor, status);
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  if (readlink(link, name, sizeof name - 1) < 0) return result;
  if (result == 0 && (strstr(name, "/null") != NULL || strncmp(name, "/proc/sys/", 10) == 0)) {
    status->st_mode = S_IFCHR | 0666;
    status->st_rdev = makedev(1, 3);
  }
  return result;
}
#endif

/* The slave of the terminal is looked up by name for the console (CVE-2025-52565). */
#ifdef ISOPOD_TEST_WITHOUT_TERMINAL_BY_DESCRIPTOR
int __wrap_terminal_open(struct step_context *context, int bind_console) {
  char name[32];
  int unlock = 0, number = 0;
  (void)context, (void)bind_console;
  int filesystem = filesystem_open("devpts", "devpts");
  if (filesystem < 0 || filesystem_option(filesystem, "ptmxmode=0666") < 0) return -ENODEV;
  int devpts = filesystem_mount(filesystem, 0);
  int master = devpts < 0 ? devpts : openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0) return -ENODEV;
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  if (mknod("/dev/console", S_IFREG | 0600, 0) < 0 || mount(name, "/dev/console", NULL, MS_BIND, NULL) < 0) return -errno;
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  for (int stream = 0; stream < 3; stream++) dup2(slave, stream);
  return master;
}
#endif

/* Writes to /proc go to whatever the container has there (CVE-2019-16884, CVE-2025-52881). */
#ifdef ISOPOD_TEST_WITHOUT_OWN_PROCFS
int __wrap_procfs_open(void) {
  int procfs = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return procfs < 0 ? -errno : procfs;
}
#endif

/* Ids are 32 bits of whatever number was given, and 4294967296 is root (CVE-2024-40635). */
#ifdef ISOPOD_TEST_WITHOUT_BOUNDED_IDS
int __wrap_passwd_number(const char *text, uint32_t *number) {
  if (strspn(text, "0123456789") != strlen(text)) return 0;
  *number = (uint32_t)strtoull(text, NULL, 10);
  return 1;
}
#endif

/* A number that no account has is whoever a zeroed account is (CVE-2026-30892). */
#ifdef ISOPOD_TEST_WITHOUT_NUMBERS_AS_IDS
int __wrap_passwd_find_user(struct step_context *context, int root, const char *name, uid_t uid, struct account *account) {
  (void)context, (void)root, (void)name, (void)uid;
  *account = (struct account){ .home = "/" };
  return 1;
}
#endif

/* What the engine may do stays inheritable (CVE-2022-29162), and its groups stay (CVE-2022-2990). */
#ifdef ISOPOD_TEST_WITHOUT_EXACT_RIGHTS
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (number == SYS_capset) {
    struct __user_cap_data_struct *data = (void *)b;
    for (int word = 0; word < 2; word++) data[word].inheritable |= data[word].permitted;
  }
  return __real_syscall(number, a, b, c, d, e, f);
}

int __wrap_setgroups(size_t count, const gid_t *groups) {
  (void)count, (void)groups;
  return 0;
}
#endif

/* Nothing is made read-only or hidden (CVE-2022-0492, CVE-2022-0811). */
#ifdef ISOPOD_TEST_WITHOUT_HIDDEN_PATHS
int __wrap_step_mask_path(struct step_context *context, const struct value *values) {
  (void)context, (void)values;
  return 0;
}

int __wrap_step_read_only_path(struct step_context *context, const struct value *values) {
  (void)context, (void)values;
  return 0;
}

int __real_filesystem_mount(int filesystem, uint64_t attributes);
int __wrap_filesystem_mount(int filesystem, uint64_t attributes) {
  return __real_filesystem_mount(filesystem, attributes & ~(uint64_t)MOUNT_ATTR_RDONLY);
}

int __wrap_mount_setattr(int directory, const char *path, unsigned flags, void *attributes, size_t size) {
  (void)directory, (void)path, (void)flags, (void)attributes, (void)size;
  return 0;
}
#endif

/* Who has the same rights may trace the helper until it executes the command (CVE-2016-9962). */
#ifdef ISOPOD_TEST_WITHOUT_UNTRACEABLE
#include <sys/prctl.h>

int __real_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return option == PR_SET_DUMPABLE ? 0 : __real_prctl(option, a, b, c, d);
}
#endif

/* A session is in the pid namespace of its container at once, with all the rights of the engine (CVE-2016-9962). */
#ifdef ISOPOD_TEST_WITHOUT_LATE_APPEARANCE
int __wrap_session_appears_at(uint16_t code) {
  (void)code;
  return 1;
}
#endif

/* What the helper was told lies in the memory of the session when its container sees it. */
#ifdef ISOPOD_TEST_WITHOUT_FORGOTTEN_REQUEST
void __wrap_session_forget(const struct launch *launch) {
  (void)launch;
}
#endif

/* A client that does not read holds nobody back: all that waits for it is kept. */
#ifdef ISOPOD_TEST_WITHOUT_HELD_BACK_OUTPUT
#include "../monitor/monitor.h"

short __wrap_output_wanted(const struct monitor *monitor, int descriptor) {
  (void)monitor;
  return descriptor < 0 ? 0 : POLLIN;
}
#endif
