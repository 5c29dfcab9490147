#include "copied_links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

static struct copied_link *place_of(const struct copied_links *links, ino_t inode) {
  size_t mask = links->capacity - 1;
  size_t at = (size_t)((uint64_t)inode * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
  while (links->places[at].path != NULL && links->places[at].inode != inode)
    at = (at + 1) & mask;
  return &links->places[at];
}

const char *copied_links_find(const struct copied_links *links, ino_t inode) {
  return links->capacity == 0 ? NULL : place_of(links, inode)->path;
}

static int grow(struct copied_links *links) {
  struct copied_links wider = {.count = links->count, .capacity = links->capacity ? 2 * links->capacity : FIRST_CAPACITY};
  wider.places = calloc(wider.capacity, sizeof(*wider.places));
  if (wider.places == NULL)
    return -ENOMEM;
  for (size_t i = 0; i < links->capacity; i++) {
    if (links->places[i].path != NULL)
      *place_of(&wider, links->places[i].inode) = links->places[i];
  }
  free(links->places);
  *links = wider;
  return 0;
}

int copied_links_add(struct copied_links *links, ino_t inode, const char *path) {
  int error = 2 * (links->count + 1) > links->capacity ? grow(links) : 0;
  char *kept = error < 0 ? NULL : strdup(path);
  if (kept == NULL)
    return -ENOMEM;
  *place_of(links, inode) = (struct copied_link){inode, kept};
  links->count++;
  return 0;
}

void copied_links_clear(struct copied_links *links) {
  for (size_t i = 0; i < links->capacity; i++)
    free(links->places[i].path);
  free(links->places);
  *links = (struct copied_links){0};
}
