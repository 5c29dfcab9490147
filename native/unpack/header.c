#include "unpack.h"

#include <errno.h>
#include <string.h>

/* Offsets and widths of the fields of a header block: POSIX.1-2017 pax, "ustar Interchange Format". */
enum {
  NAME = 0, NAME_WIDTH = 100,
  MODE = 100, UID = 108, GID = 116, ID_WIDTH = 8,
  SIZE = 124, MTIME = 136, WIDE = 12,
  CHECKSUM = 148, CHECKSUM_WIDTH = 8,
  TYPE = 156,
  LINK = 157,
  MAGIC = 257,
  MAJOR = 329, MINOR = 337,
  PREFIX = 345, PREFIX_WIDTH = 155, STAR_PREFIX_WIDTH = 131,
  STAR_TRAILER = 508
};

int header_is_zero(const unsigned char *block) {
  return block[0] == 0 && memcmp(block, block + 1, BLOCK_BYTES - 1) == 0;
}

/* Some old writers summed signed bytes; both sums are taken, as every reader does. */
int header_check(const unsigned char *block) {
  int64_t wanted;
  if (number_field(block + CHECKSUM, CHECKSUM_WIDTH, &wanted) < 0)
    return -EBADMSG;
  int64_t plain = 0, with_sign = 0;
  for (int i = 0; i < BLOCK_BYTES; i++) {
    int in_sum = i >= CHECKSUM && i < CHECKSUM + CHECKSUM_WIDTH;
    plain += in_sum ? ' ' : block[i];
    with_sign += in_sum ? ' ' : (signed char)block[i];
  }
  return wanted == plain || wanted == with_sign ? 0 : -EBADMSG;
}

char header_type(const unsigned char *block) {
  return (char)block[TYPE];
}

int header_size(const unsigned char *block, uint64_t *size) {
  int64_t number;
  if (number_field(block + SIZE, WIDE, &number) < 0 || number < 0)
    return -EINVAL;
  *size = (uint64_t)number;
  return 0;
}

/* A header before ustar has the kind of a directory only in the slash at the end of its name. */
static int kind_of(const unsigned char *block, const char *name, enum entry_kind *kind) {
  static const struct { char type; enum entry_kind kind; } kinds[] = {
    { '0', ENTRY_FILE }, { '7', ENTRY_FILE }, { 'S', ENTRY_FILE }, { '1', ENTRY_HARD_LINK }, { '2', ENTRY_SYMLINK },
    { '3', ENTRY_CHARACTER_DEVICE }, { '4', ENTRY_BLOCK_DEVICE }, { '5', ENTRY_DIRECTORY }, { '6', ENTRY_FIFO },
    { 'V', ENTRY_LABEL },
  };
  char type = header_type(block);
  if (type == 0) {
    size_t length = strlen(name);
    *kind = length > 0 && name[length - 1] == '/' ? ENTRY_DIRECTORY : ENTRY_FILE;
    return 0;
  }
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (kinds[i].type == type) {
      *kind = kinds[i].kind;
      return 0;
    }
  }
  return -EOPNOTSUPP;
}

static void copy_text(char *to, const unsigned char *field, size_t width) {
  size_t length = strnlen((const char *)field, width);
  memcpy(to, field, length);
  to[length] = 0;
}

/* In the GNU and star formats other things stand where ustar has the end of the prefix. */
static void decode_name(const unsigned char *block, char *name) {
  size_t at = 0;
  if (memcmp(block + MAGIC, "ustar\0", 6) == 0) {
    int star = memcmp(block + STAR_TRAILER, "tar\0", 4) == 0;
    copy_text(name, block + PREFIX, star ? STAR_PREFIX_WIDTH : PREFIX_WIDTH);
    at = strlen(name);
    if (at > 0)
      name[at++] = '/';
  }
  copy_text(name + at, block + NAME, NAME_WIDTH);
}

static int decode_device(const unsigned char *block, struct entry *entry) {
  int64_t device_major, device_minor;
  if (number_field(block + MAJOR, ID_WIDTH, &device_major) < 0 || number_field(block + MINOR, ID_WIDTH, &device_minor) < 0)
    return -EINVAL;
  /* The kernel has 12 bits of major and 20 of minor numbers. */
  if (device_major < 0 || device_major > 0xfff || device_minor < 0 || device_minor > 0xfffff)
    return -EINVAL;
  entry->device_major = (unsigned)device_major;
  entry->device_minor = (unsigned)device_minor;
  return 0;
}

static int decode_numbers(const unsigned char *block, struct entry *entry) {
  int64_t mode, uid, gid, modified;
  if (number_field(block + MODE, ID_WIDTH, &mode) < 0 || number_field(block + UID, ID_WIDTH, &uid) < 0 ||
      number_field(block + GID, ID_WIDTH, &gid) < 0 || number_field(block + MTIME, WIDE, &modified) < 0)
    return -EINVAL;
  /* -1 as an owner means "leave it" to chown(2). */
  if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
    return -EINVAL;
  entry->mode = (mode_t)mode & 07777;
  entry->uid = (uid_t)uid;
  entry->gid = (gid_t)gid;
  entry->modified = (struct timespec){ .tv_sec = modified };
  return header_size(block, &entry->data_bytes);
}

int header_decode(const unsigned char *block, struct entry *entry) {
  if (!entry->name_given)
    decode_name(block, entry->name);
  if (!entry->link_given)
    copy_text(entry->link, block + LINK, NAME_WIDTH);
  int result = kind_of(block, entry->name, &entry->kind);
  if (result == 0)
    result = decode_numbers(block, entry);
  if (result == 0 && (entry->kind == ENTRY_CHARACTER_DEVICE || entry->kind == ENTRY_BLOCK_DEVICE))
    result = decode_device(block, entry);
  return result;
}
