#include "id_map.h"

#include <errno.h>
#include <stdio.h>

int id_map_parse(const char *text, struct id_map *map) {
  while (*text != '\0') {
    int length = 0;
    struct id_range *range = &map->ranges[map->count];
    if (map->count == ID_MAP_RANGES ||
        sscanf(text, "%lu %lu %lu%n", &range->inside, &range->outside, &range->count, &length) != 3)
      return -EINVAL;
    map->count++;
    text += length;
    while (*text == '\n')
      text++;
  }
  return 0;
}

uint32_t id_map_outside(const struct id_map *map, uint32_t id) {
  for (int i = 0; i < map->count; i++) {
    const struct id_range *range = &map->ranges[i];
    if (id >= range->inside && id - range->inside < range->count)
      return (uint32_t)(range->outside + (id - range->inside));
  }
  return id;
}

uint32_t id_map_inside(const struct id_map *map, uint32_t id, int *is_known) {
  for (int i = 0; i < map->count; i++) {
    const struct id_range *range = &map->ranges[i];
    if (id < range->outside || id - range->outside >= range->count)
      continue;
    if (is_known)
      *is_known = 1;
    return (uint32_t)(range->inside + (id - range->outside));
  }
  if (is_known)
    *is_known = 0;
  return id;
}
