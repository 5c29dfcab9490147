/* Milestones of a launch. */
#include <endian.h>
#include <string.h>

#include "core.h"

#define MAX_NAME_BYTES 31

void timing_mark(struct launch *launch, const char *name) {
  struct timings *timings = &launch->timings;
  if (timings->count == MAX_TIMINGS) return;
  timings->names[timings->count] = name;
  timings->microseconds[timings->count] = (uint32_t)(clock_us() - launch->received_us);
  timings->count++;
}

static unsigned char *put_u32(unsigned char *at, uint32_t number) {
  uint32_t little = htole32(number);
  memcpy(at, &little, sizeof little);
  return at + sizeof little;
}

uint32_t timing_encode(const struct launch *launch, unsigned char *bytes, size_t capacity) {
  const struct timings *timings = &launch->timings;
  if (capacity < TIMINGS_BYTES) return 0;
  unsigned char *at = put_u32(bytes, timings->count);
  for (uint32_t index = 0; index < timings->count; index++) {
    size_t length = strnlen(timings->names[index], MAX_NAME_BYTES);
    at = put_u32(at, (uint32_t)length);
    memcpy(at, timings->names[index], length);
    at[length] = 0;
    at += length + 1;
  }
  at = put_u32(at, timings->count * 4);
  for (uint32_t index = 0; index < timings->count; index++) at = put_u32(at, timings->microseconds[index]);
  return (uint32_t)(at - bytes);
}
