#include "unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "../gen/wire.h"

static int is_layer(const struct unpack *unpack) {
  return unpack->whiteouts == WHITEOUTS_OVERLAY && !unpack->merges;
}

static int is_unsupported(int error) {
  return error == EOPNOTSUPP || error == EPERM;
}

static int set_note(struct unpack *unpack, int directory, const char *text) {
  if (fsetxattr(directory, LAYER_NOTE, text, strlen(text), 0) == 0)
    return 1;
  int error = errno;
  if (is_unsupported(error))
    return 0;
  text_cut(unpack->about, sizeof unpack->about, LAYER_NOTE);
  return -error;
}

int implied_note(struct unpack *unpack, int directory) {
  int result = is_layer(unpack) ? set_note(unpack, directory, "d") : 0;
  if (result > 0)
    unpack->layer_notes |= LAYER_IMPLIED;
  return result < 0 ? result : 0;
}

int implied_forget(struct unpack *unpack, int directory) {
  if ((unpack->layer_notes & LAYER_IMPLIED) == 0 || fremovexattr(directory, LAYER_NOTE) == 0)
    return 0;
  return errno == ENODATA ? 0 : -errno;
}

int implied_end(struct unpack *unpack) {
  char text[sizeof(LAYER_NOTE_LETTERS)];
  size_t length = 0;
  if (!is_layer(unpack))
    return 0;
  if (!unpack->root_named)
    unpack->layer_notes |= LAYER_ROOT;
  for (int bit = 0; LAYER_NOTE_LETTERS[bit] != 0; bit++) {
    if (unpack->layer_notes & 1 << bit)
      text[length++] = LAYER_NOTE_LETTERS[bit];
  }
  text[length] = 0;
  int result = length > 0 ? set_note(unpack, unpack->root, text) : 0;
  return result < 0 ? result : 0;
}
