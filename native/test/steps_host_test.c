#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps_harness.h"

static void directories(void) {
  umask(077);
  CHECK_IS(STEP(step_make_directory, text(scratch("d")), number(0755), number(0)), 0);
  struct stat status;
  CHECK(stat(scratch("d"), &status) == 0);
  CHECK_IS(status.st_mode, S_IFDIR | 0755);
  CHECK_IS(STEP(step_make_directory, text(scratch("d")), number(0700), number(0)), -EEXIST);
  DETAIL_HAS("/d");
  CHECK_IS(STEP(step_make_directory, text(scratch("d")), number(0700), number(1)), 0);
  make_link("d", scratch("link"));
  CHECK_IS(STEP(step_make_directory, text(scratch("link")), number(0700), number(1)), -ENOTDIR);
  CHECK_IS(STEP(step_make_directory, text(scratch("x/y")), number(0700), number(1)), -ENOENT);
}

static void files(void) {
  umask(077);
  make_file(scratch("target"), "old");
  make_link("target", scratch("f"));
  make_link("target", scratch("f.new"));
  CHECK_IS(STEP(step_write_file, text(scratch("f")), number(0644), data("a\0b", 3)), 0);
  CHECK(strcmp(content_of(scratch("target")), "old") == 0);
  CHECK(memcmp(content_of(scratch("f")), "a\0b", 4) == 0);
  struct stat status;
  CHECK(lstat(scratch("f"), &status) == 0);
  CHECK_IS(status.st_mode, S_IFREG | 0644);
  CHECK(lstat(scratch("f.new"), &status) < 0);
  CHECK_IS(STEP(step_write_file, text(scratch("none/f")), number(0644), text("x")), -ENOENT);
  DETAIL_HAS("none/f");
}

static void kernel_files(void) {
  make_file(scratch("knob"), "");
  make_link("knob", scratch("link"));
  CHECK_IS(STEP(step_write_kernel_file, text(scratch("knob")), text("512")), 0);
  CHECK(strcmp(content_of(scratch("knob")), "512") == 0);
  CHECK_IS(STEP(step_write_kernel_file, text(scratch("link")), text("1")), -ELOOP);
  CHECK_IS(STEP(step_write_kernel_file, text(scratch("none")), text("1")), -ENOENT);
  CHECK_IS(STEP(step_write_kernel_file, text("/proc/sys/kernel/cap_last_cap"), text("77")), -EACCES);
  DETAIL_HAS("cap_last_cap");
}

static void syncs(void) {
  CHECK_IS(STEP(step_sync_filesystem, text(scratch(""))), 0);
  CHECK_IS(STEP(step_sync_filesystem, text(scratch("none"))), -ENOENT);
}

/* Whether the flag is there, where the file system of our scratch directory knows it; which ext4 does. */
static void spread_directories(void) {
  CHECK_IS(STEP(step_spread_directories, text(scratch("none"))), -ENOENT);
  make_link("x", scratch("link"));
  CHECK_IS(STEP(step_spread_directories, text(scratch("link"))), -ENOTDIR);
  CHECK(mkdir(scratch("layers"), 0700) == 0);
  int error = STEP(step_spread_directories, text(scratch("layers")));
  struct statfs file_system;
  CHECK(statfs(scratch("layers"), &file_system) == 0);
  if (file_system.f_type != EXT4_SUPER_MAGIC)
    return;
  CHECK_IS(error, 0);
  unsigned long flags[2] = {0};
  int directory = open(scratch("layers"), O_RDONLY | O_DIRECTORY);
  CHECK(directory >= 0 && ioctl(directory, FS_IOC_GETFLAGS, flags) == 0);
  close(directory);
  CHECK((flags[0] & FS_TOPDIR_FL) != 0);
}

/* 0 when a connection to ourselves is refused, for nobody listens; else the errno. */
static int knock(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(client >= 0);
  int error = connect(client, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
  close(client);
  return error;
}

static void loopback(void) {
  CHECK_IS(knock(), ENETUNREACH);
  CHECK_IS(STEP(step_loopback_up, number(0)), 0);
  CHECK_IS(knock(), ECONNREFUSED);
}

static uint64_t start_time_of(pid_t pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const char *stat_ = content_of(path);
  CHECK(stat_ != NULL);
  stat_ = strrchr(stat_, ')');
  for (int field = 2; field < 22; field++) stat_ = strchr(stat_ + 1, ' ');
  return strtoull(stat_, NULL, 10);
}

static void signals(void) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    for (;;) pause();
  }
  uint64_t start = start_time_of(child);
  uint64_t pid = (uint64_t)child;
  CHECK_IS(STEP(step_signal_process, number(pid), number(start + 1), number(SIGKILL)), -ESRCH);
  CHECK_IS(waitpid(child, NULL, WNOHANG), 0);
  CHECK_IS(STEP(step_signal_process, number(pid), number(start), number(1000)), -EINVAL);
  CHECK_IS(STEP(step_signal_process, number(pid), number(start), number(UINT64_C(1) << 32 | SIGKILL)), -EINVAL);
  CHECK_IS(STEP(step_signal_process, number(pid), number(start), number(SIGKILL)), 0);
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  CHECK_IS(STEP(step_signal_process, number(pid), number(start), number(SIGKILL)), -ESRCH);
  CHECK_IS(STEP(step_signal_process, number(0), number(0), number(SIGKILL)), -EINVAL);
  CHECK_IS(STEP(step_signal_process, number(UINT64_C(1) << 32), number(0), number(SIGKILL)), -EINVAL);
}

const struct test HOST_TESTS[] = {
    {"a directory has its mode whatever the umask, and an existing one may be left", directories},
    {"a file is replaced whole and never written through a link", files},
    {"a knob is written once and the kernel's refusal is reported", kernel_files},
    {"a file system is synced", syncs},
    {"directories are spread where the file system can", spread_directories},
    {"loopback comes up", loopback},
    {"a process with another start time is not signalled", signals},
    {NULL, NULL},
};
