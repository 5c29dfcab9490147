#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../steps/descriptors.h"

#define BLOCK_OF_STAT 512
#define COPY_BYTES 32768
/* Of a file with more, the rest goes with its holes as zeros. */
#define MAX_SEGMENTS 4096
#define SEGMENT_TEXT_BYTES 48
#define ATTRIBUTE_LIST_BYTES 16384
#define ATTRIBUTE_BYTES 65536

struct segment_out {
  uint64_t offset, length;
};
struct layout {
  struct segment_out *segments;
  size_t count;
  uint64_t data_bytes;
};

/* Exactly so many bytes: a header has promised them. ESTALE: it became shorter meanwhile. */
static int copy_data(struct pack *pack, int file, uint64_t offset, uint64_t length) {
  static unsigned char bytes[COPY_BYTES];
  while (length > 0) {
    size_t wanted = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
    ssize_t got = pread(file, bytes, wanted, (off_t)offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return got == 0 ? -ESTALE : -errno;
    int result = sink_put(&pack->sink, bytes, (size_t)got);
    if (result < 0)
      return result;
    offset += (uint64_t)got;
    length -= (uint64_t)got;
    pack->bytes += (uint64_t)got;
  }
  return 0;
}

/* Only what another root may have is taken along: labels and trusted ones are of the host. */
static int is_portable(const char *name) {
  return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}

/* What an image keeps, too: lists of who may, and what root has noted; not what overlayfs or we note for ourselves. */
static int is_whole(const char *name) {
  if (strncmp(name, "trusted.", 8) == 0)
    return strncmp(name, "trusted.overlay.", 16) != 0 && strncmp(name, "trusted.isopod.", 15) != 0;
  return is_portable(name) || strncmp(name, "system.posix_acl_", 17) == 0;
}

/* For the root of a user namespace (capabilities(7), version 3), which is root once owners are those of the container. */
static size_t own_capability(const struct pack *pack, const char *name, char *value, size_t length) {
  struct vfs_ns_cap_data found;
  if (pack->owners == NULL || length != sizeof(found) || strcmp(name, "security.capability") != 0)
    return length;
  memcpy(&found, value, sizeof(found));
  found.magic_etc = VFS_CAP_REVISION_2 | (found.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
  memcpy(value, &found, XATTR_CAPS_SZ_2);
  return XATTR_CAPS_SZ_2;
}

static int add_attribute(const struct pack *pack, struct records_out *records, int file, const char *name) {
  static char value[ATTRIBUTE_BYTES];
  char key[sizeof("SCHILY.xattr.") + XATTR_NAME_MAX];
  size_t name_length = strlen(name);
  if (name_length > XATTR_NAME_MAX)
    return -ERANGE;
  ssize_t length = fgetxattr(file, name, value, sizeof(value));
  if (length < 0)
    return errno == ENODATA ? 0 : -errno;
  memcpy(key, "SCHILY.xattr.", sizeof("SCHILY.xattr."));
  memcpy(key + sizeof("SCHILY.xattr.") - 1, name, name_length + 1);
  return record_add(records, key, value, own_capability(pack, name, value, (size_t)length));
}

int pack_attributes(const struct pack *pack, struct records_out *records, int file) {
  static char names[ATTRIBUTE_LIST_BYTES];
  if (!pack->attributes)
    return 0;
  ssize_t length = flistxattr(file, names, sizeof(names));
  if (length < 0)
    return errno == EOPNOTSUPP ? 0 : -errno;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    int goes = pack->attributes == PACK_ATTRIBUTES_WHOLE ? is_whole(name) : is_portable(name);
    int result = goes ? add_attribute(pack, records, file, name) : 0;
    if (result < 0)
      return result;
  }
  return 0;
}

/* Where the data are, as the file system tells. @returns whether there are holes worth a map, or a negative errno */
static int find_holes(int file, const struct stat *status, struct layout *layout) {
  uint64_t size = (uint64_t)status->st_size, at = 0;
  if ((uint64_t)status->st_blocks * BLOCK_OF_STAT >= size)
    return 0;
  layout->segments = malloc((MAX_SEGMENTS + 1) * sizeof(*layout->segments));
  if (layout->segments == NULL)
    return -ENOMEM;
  while (at < size) {
    off_t begin = lseek(file, (off_t)at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO)
      break;
    off_t end = begin < 0 ? -1 : lseek(file, begin, SEEK_HOLE);
    /* A file system without holes, or a file that changes: all of it, as it is. */
    if (begin < 0 || end <= begin)
      return 0;
    if (layout->count == MAX_SEGMENTS - 1 || (uint64_t)end > size)
      end = (off_t)size;
    struct segment_out *segment = &layout->segments[layout->count++];
    *segment = (struct segment_out){(uint64_t)begin, (uint64_t)(end - begin)};
    layout->data_bytes += segment->length;
    at = (uint64_t)end;
  }
  /* Other readers take the end of the last segment for that of the file. */
  const struct segment_out *last = layout->count > 0 ? &layout->segments[layout->count - 1] : NULL;
  if (last == NULL || last->offset + last->length < size)
    layout->segments[layout->count++] = (struct segment_out){size, 0};
  return layout->data_bytes < size;
}

static size_t map_text(const struct layout *layout, char *text) {
  size_t length = (size_t)sprintf(text, "%zu\n", layout->count);
  for (size_t i = 0; i < layout->count; i++) {
    length += (size_t)sprintf(text + length, "%llu\n%llu\n", (unsigned long long)layout->segments[i].offset,
                              (unsigned long long)layout->segments[i].length);
  }
  return length;
}

/* GNU tar manual, "Storing Sparse Files", PAX format 1.0: the map stands before the data. */
static int pack_sparse(struct pack *pack, int file, struct item *item, const struct layout *layout) {
  char *text = malloc((layout->count + 1) * SEGMENT_TEXT_BYTES);
  if (text == NULL)
    return -ENOMEM;
  size_t length = map_text(layout, text);
  size_t padded = (length + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
  item->shown = "GNUSparseFile.0/file";
  item->data_bytes = padded + layout->data_bytes;
  int result = record_add(&item->records, "GNU.sparse.major", "1", 1);
  if (result == 0)
    result = record_add(&item->records, "GNU.sparse.minor", "0", 1);
  if (result == 0)
    result = record_add(&item->records, "GNU.sparse.name", pack->name, pack->name_length);
  if (result == 0)
    result = record_add_number(&item->records, "GNU.sparse.realsize", (uint64_t)item->status->st_size);
  if (result == 0)
    result = pack_header(pack, item);
  if (result == 0)
    result = sink_put(&pack->sink, text, length);
  if (result == 0)
    result = sink_pad(&pack->sink, length);
  free(text);
  for (size_t i = 0; result == 0 && i < layout->count; i++)
    result = copy_data(pack, file, layout->segments[i].offset, layout->segments[i].length);
  return result < 0 ? result : sink_pad(&pack->sink, item->data_bytes);
}

static int pack_whole(struct pack *pack, int file, struct item *item) {
  item->data_bytes = (uint64_t)item->status->st_size;
  int result = pack_header(pack, item);
  if (result == 0)
    result = copy_data(pack, file, 0, item->data_bytes);
  return result < 0 ? result : sink_pad(&pack->sink, item->data_bytes);
}

/* How long it is shows by reading it. EFBIG: it goes on and on, as /proc/kcore and the like do. */
static int pack_kernel_file(struct pack *pack, int file, struct item *item) {
  unsigned char *bytes = malloc(KERNEL_FILE_BYTES + 1);
  size_t length = 0;
  int result = bytes == NULL ? -ENOMEM : 0;
  while (result == 0 && length <= KERNEL_FILE_BYTES) {
    ssize_t got = read(file, bytes + length, KERNEL_FILE_BYTES + 1 - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      result = -errno;
    if (got <= 0)
      break;
    length += (size_t)got;
  }
  if (result == 0 && length > KERNEL_FILE_BYTES)
    result = -EFBIG;
  item->data_bytes = length;
  if (result == 0)
    result = pack_header(pack, item);
  if (result == 0)
    result = sink_put(&pack->sink, bytes, length);
  pack->bytes += length;
  free(bytes);
  return result < 0 ? result : sink_pad(&pack->sink, length);
}

static int pack_opened(struct pack *pack, int file, struct item *item) {
  int kernels = item->status->st_blocks == 0 ? pack_is_kernels(file) : 0;
  if (kernels != 0)
    return kernels < 0 ? kernels : pack_kernel_file(pack, file, item);
  struct layout layout = {0};
  int result = pack_attributes(pack, &item->records, file);
  int holes = result < 0 ? result : find_holes(file, item->status, &layout);
  if (holes < 0)
    result = holes;
  else
    result = holes > 0 ? pack_sparse(pack, file, item, &layout) : pack_whole(pack, file, item);
  free(layout.segments);
  return result;
}

int pack_file(struct pack *pack, int found) {
  struct stat now;
  cleanup_close int file = pack_reopen(pack, found, O_RDONLY);
  if (file < 0)
    return file;
  if (fstat(file, &now) < 0)
    return -errno;
  pack_owner(pack, &now);
  struct item item = {.status = &now, .type = '0', .link = ""};
  int result = pack_opened(pack, file, &item);
  free(item.records.bytes);
  return result;
}
