/*
 * The one program of the embedded `hello` image: says what a process in the container sees. Static, no stdio; with the
 * arguments `exit N` it only ends with that status.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TEXT_BYTES 4096

static void say(const char *text) {
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t count = write(STDOUT_FILENO, text, left);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      _exit(1);
    text += count;
    left -= (size_t)count;
  }
}

static void say_number(unsigned long number) {
  char digits[24];
  char *at = digits + sizeof digits - 1;
  *at = 0;
  do
    *--at = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  say(at);
}

static void label(const char *name) {
  say("  ");
  say(name);
  for (size_t column = strlen(name); column < 14; column++)
    say(" ");
}

static void say_hostname(void) {
  char name[TEXT_BYTES] = "";
  label("hostname");
  gethostname(name, sizeof name - 1);
  say(name);
  say("\n");
}

static void say_namespaces(void) {
  static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
  int any = 0;
  label("namespaces");
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[64] = "/proc/self/ns/", target[128];
    strcat(path, names[i]);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
      continue;
    target[length] = 0;
    say(any ? " " : "");
    say(target);
    any = 1;
  }
  say(any ? "\n" : "none seen (/proc is not mounted)\n");
}

/* The first line of a file, or NULL. */
static const char *first_line(const char *path, char *text) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  ssize_t length = read(fd, text, TEXT_BYTES - 1);
  close(fd);
  if (length <= 0)
    return NULL;
  text[length] = 0;
  text[strcspn(text, "\n")] = 0;
  return text;
}

/* "no limit" for how each version writes it: max, a negative quota, and in v1 memory the largest multiple of a page. */
static const char *readable(const char *value) {
  int boundless = strcmp(value, "max") == 0 || strncmp(value, "max ", 4) == 0 || strcmp(value, "-1") == 0 ||
                  strcmp(value, "9223372036854771712") == 0;
  return boundless ? "no limit" : value;
}

/* The same limit has one file in v2 and others in v1; what is there is said. */
static void say_limit(const char *name, const char *const *files) {
  char text[TEXT_BYTES];
  int any = 0;
  label(name);
  for (; *files; files++) {
    char path[128] = "/sys/fs/cgroup/";
    strcat(path, *files);
    const char *line = first_line(path, text);
    if (!line)
      continue;
    say(any ? ", " : "");
    say(readable(line));
    say(" (");
    say(*files);
    say(")");
    any = 1;
  }
  say(any ? "\n" : "none seen\n");
}

static void say_limits(void) {
  static const char *const memory[] = { "memory.max", "memory/memory.limit_in_bytes", NULL };
  static const char *const cpu[] = { "cpu.max", "cpu.weight", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpu/cpu.shares", NULL };
  static const char *const pids[] = { "pids.max", "pids/pids.max", NULL };
  say_limit("memory limit", memory);
  say_limit("cpu limit", cpu);
  say_limit("pids limit", pids);
}

static void say_root_type(void) {
  /* linux/magic.h; f_type is all that is visible when /proc is not. */
  static const struct { unsigned long magic; const char *name; } types[] = {
    { 0x794c7630, "overlay" }, { 0xef53, "ext4" }, { 0x01021994, "tmpfs" }, { 0x58465342, "xfs" }, { 0x9123683e, "btrfs" },
    { 0x2fc12fc1, "zfs" }, { 0x6969, "nfs" }, { 0x73717368, "squashfs" }, { 0xe0f5e1e2, "erofs" }, { 0x858458f6, "ramfs" },
  };
  struct statfs status;
  label("root");
  if (statfs("/", &status) < 0) {
    say("unknown\n");
    return;
  }
  const char *name = "another file system";
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (types[i].magic == (unsigned long)status.f_type)
      name = types[i].name;
  say(name);
  say(status.f_flags & 1 /* ST_RDONLY */ ? ", read-only\n" : "\n");
}

static void say_root_entries(void) {
  label("/");
  DIR *directory = opendir("/");
  const struct dirent *entry;
  int any = 0;
  while (directory && (entry = readdir(directory))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    say(any ? " " : "");
    say(entry->d_name);
    any = 1;
  }
  say(any ? "\n" : "empty\n");
  if (directory)
    closedir(directory);
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "exit") == 0)
    return atoi(arguments[2]);
  say("Hello from a container of Isopod. This is what a process in it sees:\n\n");
  label("pid");
  say_number((unsigned long)getpid());
  say("\n");
  say_hostname();
  label("uid, gid");
  say_number(getuid());
  say(", ");
  say_number(getgid());
  say("\n");
  say_namespaces();
  say_limits();
  say_root_type();
  say_root_entries();
  return 0;
}
