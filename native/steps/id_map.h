/* Which ids of the host stand for those of a user namespace (user_namespaces(7), "User and group ID mappings"). */
#ifndef ISOPOD_STEPS_ID_MAP_H
#define ISOPOD_STEPS_ID_MAP_H

#include <stdint.h>

#define ID_MAP_RANGES 340

struct id_range {
  uint64_t inside, outside, count;
};
struct id_map {
  struct id_range ranges[ID_MAP_RANGES];
  int count;
};

/* Lines as the kernel takes them: "inside outside count". -EINVAL for any other text. */
int id_map_parse(const char *text, struct id_map *map);
/* An id that is not in the map stays as it is, and is nobody's in the container, as in a mapped tree. */
uint32_t id_map_outside(const struct id_map *map, uint32_t id);
/* The other way round; whether it is in the map is told where `is_known` is no null pointer. */
uint32_t id_map_inside(const struct id_map *map, uint32_t id, int *is_known);

#endif
