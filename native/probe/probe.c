/*
 * Run in a container by a security report. Words say what to try: `call:NUMBER:ARGUMENT`, `device:PATH`, `write:PATH`,
 * `masked:PATH`, `readonly:PATH`. What it makes it removes.
 */
#include "probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LINE_BYTES 4096
#define MADE_NAME ".isopod-probe"

static const char *const NAMESPACES[] = {"mnt", "pid", "ipc", "uts", "net", "cgroup", "user", "time"};

static void tell_status(void) {
  FILE *file = fopen("/proc/self/status", "re");
  char line[LINE_BYTES];
  if (file == NULL) {
    tell("status", "unproved", error_name(errno));
    return;
  }
  while (fgets(line, sizeof line, file) != NULL) {
    char *value = strchr(line, ':');
    if (value == NULL)
      continue;
    *value++ = 0;
    value += strspn(value, " \t");
    value[strcspn(value, "\n")] = 0;
    for (char *at = value; *at != 0; at++) *at = *at == '\t' ? ' ' : *at;
    tell("status", line, value);
  }
  fclose(file);
}

static void tell_first_line(const char *kind, const char *path) {
  char line[LINE_BYTES] = "";
  FILE *file = fopen(path, "re");
  if (file == NULL || fgets(line, sizeof line, file) == NULL)
    snprintf(line, sizeof line, "%s", file == NULL ? error_name(errno) : "");
  if (file != NULL)
    fclose(file);
  line[strcspn(line, "\n")] = 0;
  tell(kind, path, line);
}

static void tell_namespaces(void) {
  for (size_t index = 0; index < sizeof NAMESPACES / sizeof *NAMESPACES; index++) {
    char path[64], link[128];
    snprintf(path, sizeof path, "/proc/self/ns/%s", NAMESPACES[index]);
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length >= 0)
      link[length] = 0;
    tell("namespace", NAMESPACES[index], length < 0 ? error_name(errno) : link);
  }
}

static void tell_interfaces(void) {
  struct if_nameindex *list = if_nameindex();
  if (list == NULL)
    tell("interfaces", "unproved", error_name(errno));
  for (struct if_nameindex *at = list; at != NULL && at->if_index != 0; at++) tell("interface", at->if_name, "there");
  if (list != NULL)
    if_freenameindex(list);
}

/* Makes a file in a directory, or opens anything else for writing, without writing. */
static int try_write(const char *path) {
  struct stat status;
  if (stat(path, &status) < 0)
    return -1;
  char made[LINE_BYTES];
  int is_directory = S_ISDIR(status.st_mode);
  snprintf(made, sizeof made, is_directory ? "%s/" MADE_NAME : "%s", path);
  int flags = is_directory ? O_CREAT | O_EXCL : O_NONBLOCK | O_NOCTTY;
  int file = open(made, O_WRONLY | O_CLOEXEC | flags, 0600);
  if (file < 0)
    return -1;
  close(file);
  return is_directory ? unlink(made) : 0;
}

static const char *look_into(const char *path) {
  DIR *directory = opendir(path);
  if (directory != NULL) {
    int entries = 0;
    while (readdir(directory) != NULL) entries++;
    closedir(directory);
    return entries <= 2 ? "empty" : "readable";
  }
  int file = errno == ENOTDIR ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
  if (file < 0)
    return error_name(errno);
  char byte;
  ssize_t length = read(file, &byte, 1);
  const char *result = length > 0 ? "readable" : length == 0 ? "empty" : error_name(errno);
  close(file);
  return result;
}

static int try_device(const char *path) {
  int device = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return device < 0 ? -1 : close(device);
}

/* A node of the host's memory, wherever one can be made. */
static void tell_mknod(void) {
  static const char *const PLACES[] = {"/dev/" MADE_NAME, "/" MADE_NAME, "/tmp/" MADE_NAME};
  for (size_t index = 0; index < sizeof PLACES / sizeof *PLACES; index++) {
    int made = mknod(PLACES[index], S_IFCHR | 0600, makedev(1, 1));
    int opened = made < 0 ? -1 : try_device(PLACES[index]);
    const char *result = made < 0 ? error_name(errno) : opened < 0 ? "made" : "opened";
    if (made == 0)
      unlink(PLACES[index]);
    tell("mknod", PLACES[index], result);
  }
}

static int split(const char *word, const char *kind, const char **rest) {
  size_t length = strlen(kind);
  if (strncmp(word, kind, length) != 0 || word[length] != ':')
    return 0;
  *rest = word + length + 1;
  return 1;
}

int main(int count, char **words) {
  static struct probe_call calls[MAX_CALLS];
  int call_count = 0;
  tell_status();
  tell_namespaces();
  tell_first_line("file", "/proc/self/uid_map");
  tell_first_line("file", "/proc/self/attr/current");
  tell_interfaces();
  for (int index = 1; index < count; index++) {
    const char *rest;
    char *end;
    if (split(words[index], "device", &rest)) tell("device", rest, outcome(try_device(rest)));
    if (split(words[index], "write", &rest)) tell("write", rest, outcome(try_write(rest)));
    if (split(words[index], "readonly", &rest)) tell("readonly", rest, outcome(try_write(rest)));
    if (split(words[index], "masked", &rest)) tell("masked", rest, look_into(rest));
    if (!split(words[index], "call", &rest) || call_count == MAX_CALLS)
      continue;
    calls[call_count].number = strtol(rest, &end, 10);
    calls[call_count].argument = *end == ':' ? strtoul(end + 1, NULL, 10) : 0;
    call_count++;
  }
  tell_mknod();
  probe_calls(calls, call_count);
  tell("end", "probe", "ok");
  return fflush(stdout) == 0 ? 0 : 1;
}
