/* The effective capabilities of this process. */
#ifndef ISOPOD_STEPS_CREDENTIALS_H
#define ISOPOD_STEPS_CREDENTIALS_H

#include <stdint.h>

struct capability_sets {
  uint64_t effective, permitted, inheritable;
};

int capabilities_get(struct capability_sets *sets);
int capabilities_set(const struct capability_sets *sets);

#endif
