#include "descriptors.h"

#include <string.h>

#include "report.h"

void descriptor_path(int descriptor, char *path) {
  static const char prefix[] = "/proc/self/fd/";
  char digits[12];
  size_t at = sizeof(digits) - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + descriptor % 10);
    descriptor /= 10;
  } while (descriptor > 0);
  memcpy(path, prefix, sizeof(prefix) - 1);
  memcpy(path + sizeof(prefix) - 1, digits + at, sizeof(digits) - at);
}

int slot_fill(struct step_context *context, uint64_t slot, int descriptor) {
  if (slot >= FD_SLOTS || context->slots[slot] >= 0) {
    close(descriptor);
    return report_number(context, slot >= FD_SLOTS ? -EINVAL : -EEXIST, "slot", slot);
  }
  context->slots[slot] = descriptor;
  return 0;
}

int slot_get(struct step_context *context, uint64_t slot) {
  if (slot >= FD_SLOTS)
    return report_number(context, -EINVAL, "slot", slot);
  if (context->slots[slot] < 0)
    return report_number(context, -EBADF, "slot", slot);
  return context->slots[slot];
}

void slot_empty(struct step_context *context, uint64_t slot) {
  if (slot < FD_SLOTS && context->slots[slot] >= 0) {
    close(context->slots[slot]);
    context->slots[slot] = -1;
  }
}
