/* The fork server's table of children, filled by a pipe in packet mode. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"

_Static_assert(sizeof(struct registration) <= PIPE_BUF, "a registration is one atomic write");

int registration_send(int pipe, const struct registration *head, const char *tracking, const char *state) {
  struct registration packet = { .kind = head->kind, .monitor = getpid(), .process = head->process };
  size_t first = strlen(tracking) + 1, second = strlen(state) + 1;
  if (first + second > sizeof packet.text) return -ENAMETOOLONG;
  packet.tracking_bytes = (uint32_t)first;
  memcpy(packet.text, tracking, first);
  memcpy(packet.text + first, state, second);
  size_t length = offsetof(struct registration, text) + first + second;
  ssize_t written;
  do written = write(pipe, &packet, length);
  while (written < 0 && errno == EINTR);
  return written < 0 ? -errno : 0;
}

int registry_add(struct registry *registry, pid_t pid) {
  if (registry->count == registry->capacity) {
    size_t capacity = registry->capacity == 0 ? 64 : registry->capacity * 2;
    struct child_entry *entries = realloc(registry->entries, capacity * sizeof *entries);
    if (entries == NULL) return -ENOMEM;
    registry->entries = entries;
    registry->capacity = capacity;
  }
  registry->entries[registry->count++] = (struct child_entry){ .pid = pid };
  return 0;
}

static struct child_entry *find(struct registry *registry, pid_t pid) {
  for (size_t index = 0; index < registry->count; index++) {
    if (registry->entries[index].pid == pid) return &registry->entries[index];
  }
  return NULL;
}

static void kill_stray(void *state, pid_t pid) {
  if (find(state, pid) == NULL) kill(pid, SIGKILL);
}

void registry_kill_strays(struct registry *registry) { tree_visit(kill_stray, registry); }

static void note(struct registry *registry, const struct registration *packet, size_t text_bytes) {
  struct child_entry *entry = find(registry, packet->monitor);
  if (entry == NULL || text_bytes < 2 || packet->tracking_bytes >= text_bytes) return;
  char *text = malloc(text_bytes);
  if (text == NULL) return;
  memcpy(text, packet->text, text_bytes);
  text[packet->tracking_bytes - 1] = 0;
  text[text_bytes - 1] = 0;
  free(entry->text);
  entry->text = text;
  entry->tracking_bytes = packet->tracking_bytes;
  entry->process = packet->process;
}

size_t registry_monitors(const struct registry *registry) {
  size_t monitors = 0;
  for (size_t i = 0; i < registry->count; i++) monitors += registry->entries[i].text != NULL;
  return monitors;
}

int registry_drain(struct registry *registry, int pipe) {
  struct registration packet;
  int retire = 0;
  for (;;) {
    ssize_t got = read(pipe, &packet, sizeof packet);
    if (got < 0 && errno == EINTR) continue;
    if (got < (ssize_t)offsetof(struct registration, text)) return retire;
    if (packet.kind == REGISTRATION_RETIRE) retire = 1;
    if (packet.kind == REGISTRATION_MONITOR && packet.tracking_bytes > 0) {
      note(registry, &packet, (size_t)got - offsetof(struct registration, text));
    }
  }
}

int registry_take(struct registry *registry, pid_t pid, struct child_entry *entry) {
  struct child_entry *found = find(registry, pid);
  if (found == NULL) return 0;
  *entry = *found;
  *found = registry->entries[--registry->count];
  return 1;
}
