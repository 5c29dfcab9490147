#include "steps_leaks.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../steps/credentials.h"
#include "steps_harness.h"

static int count_descriptors(void) {
  DIR *list = opendir("/proc/self/fd");
  int count = 0;
  CHECK(list != NULL);
  while (readdir(list) != NULL) count++;
  closedir(list);
  return count;
}

static int count_of(const char *path, char what) {
  const char *content = content_of(path);
  int count = 0;
  CHECK(content != NULL);
  for (; *content != '\0'; content++) count += *content == what;
  return count;
}

struct held held_now(void) {
  char children[64];
  snprintf(children, sizeof(children), "/proc/self/task/%d/children", getpid());
  return (struct held){
      .descriptors = count_descriptors(),
      .mounts = count_of("/proc/self/mountinfo", '\n'),
      .children = count_of(children, ' '),
  };
}

void check_held(const char *file, int line, const struct held *before) {
  struct held now = held_now();
  if (now.descriptors != before->descriptors) test_fail(file, line, "descriptors left", now.descriptors - before->descriptors);
  if (now.mounts != before->mounts) test_fail(file, line, "mounts left", now.mounts - before->mounts);
  if (now.children != before->children) test_fail(file, line, "children left", now.children - before->children);
}

struct other other_start(unsigned long flags, void (*prepare)(void)) {
  int ready[2];
  char byte = 0;
  CHECK(pipe(ready) == 0);
  pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  CHECK(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (prepare != NULL) prepare();
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    close(ready[0]);
    close(ready[1]);
    for (;;) pause();
  }
  close(ready[1]);
  CHECK(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  struct other other = {.pid = pid};
  CHECK_IS(process_start_time(pid, &other.start_time), 0);
  return other;
}

void other_end(const struct other *other) {
  CHECK(kill(other->pid, SIGKILL) == 0);
  CHECK(waitpid(other->pid, NULL, 0) == other->pid);
}

static void read_namespace(pid_t pid, const char *kind, char *name, size_t size) {
  char path[64];
  if (pid == 0) snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
  else snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
  ssize_t length = readlink(path, name, size - 1);
  CHECK(length > 0);
  name[length] = '\0';
}

int is_shared(pid_t one, pid_t two, const char *kind) {
  char first[64], second[64];
  read_namespace(one, kind, first, sizeof(first));
  read_namespace(two, kind, second, sizeof(second));
  return strcmp(first, second) == 0;
}

void without_capabilities(uint64_t capabilities) {
  struct capability_sets sets;
  CHECK_IS(capabilities_get(&sets), 0);
  sets.effective = sets.permitted & ~capabilities;
  CHECK_IS(capabilities_set(&sets), 0);
}
