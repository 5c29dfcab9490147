#include "copy.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256
/* Of names. What is beyond goes as files of their own: more data, and nothing wrong. */
#define MAX_BYTES ((size_t)64 << 20)

static struct link_slot *slot_of(struct link_slot *slots, size_t capacity, dev_t device, ino_t inode) {
  size_t at = (size_t)((uint64_t)inode * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (capacity - 1);
  while (slots[at].name != NULL && (slots[at].inode != inode || slots[at].device != device))
    at = (at + 1) & (capacity - 1);
  return &slots[at];
}

static int grow(struct links *links) {
  size_t capacity = links->capacity == 0 ? FIRST_SLOTS : links->capacity * 2;
  struct link_slot *slots = calloc(capacity, sizeof(*slots));
  if (slots == NULL)
    return 0;
  for (size_t i = 0; i < links->capacity; i++) {
    const struct link_slot *old = &links->slots[i];
    if (old->name != NULL)
      *slot_of(slots, capacity, old->device, old->inode) = *old;
  }
  free(links->slots);
  links->slots = slots;
  links->capacity = capacity;
  return 1;
}

const char *links_find(struct links *links, const struct stat *status, const char *name) {
  if (links->count * 2 >= links->capacity && !grow(links))
    return NULL;
  struct link_slot *slot = slot_of(links->slots, links->capacity, status->st_dev, status->st_ino);
  if (slot->name != NULL)
    return slot->name;
  size_t length = strlen(name) + 1 + sizeof(*slot);
  if (length > MAX_BYTES - links->bytes)
    return NULL;
  slot->name = strdup(name);
  if (slot->name == NULL)
    return NULL;
  slot->device = status->st_dev;
  slot->inode = status->st_ino;
  links->bytes += length;
  links->count++;
  return NULL;
}

void links_free(struct links *links) {
  for (size_t i = 0; i < links->capacity; i++)
    free(links->slots[i].name);
  free(links->slots);
}
