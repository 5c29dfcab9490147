#include "unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t padding_of(uint64_t size) {
  return (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
}

/* Takes `size` bytes of an extended header from the allowance of this entry. */
static int spend(struct archive *archive, uint64_t size) {
  if (size > archive->header_limit - archive->header_used)
    return -EMSGSIZE;
  archive->header_used += size;
  return 0;
}

/* Appends the body of an extended header. The global records of a whole archive have the bound of one header. */
static int read_records(struct archive *archive, uint64_t size, struct records *records) {
  if (size > archive->header_limit - records->length)
    return -EMSGSIZE;
  char *grown = realloc(records->bytes, records->length + size + 1);
  if (!grown)
    return -ENOMEM;
  records->bytes = grown;
  int result = stream_read(&archive->stream, grown + records->length, size);
  if (result == 0)
    result = stream_skip(&archive->stream, padding_of(size));
  records->length += result == 0 ? size : 0;
  return result;
}

static int read_long_name(struct archive *archive, uint64_t size, char *name) {
  /* The NUL at its end is counted. */
  if (size == 0)
    return -EBADMSG;
  if (size > PATH_MAX)
    return -ENAMETOOLONG;
  int result = stream_read(&archive->stream, name, size);
  if (result < 0)
    return result;
  size_t length = strnlen(name, size);
  if (length == PATH_MAX)
    return -ENAMETOOLONG;
  name[length] = 0;
  return stream_skip(&archive->stream, padding_of(size));
}

static int give_name(struct archive *archive, uint64_t size, int *given, char *name) {
  if (*given)
    return -EINVAL;
  int result = read_long_name(archive, size, name);
  *given = result == 0;
  return result;
}

/* 1: the block was a header about the entry that follows and is read; 0: it is that entry. */
static int read_extended(struct archive *archive, const unsigned char *block, struct entry *entry) {
  char type = header_type(block);
  if (!type || !strchr("xXgLK", type))
    return 0;
  uint64_t size;
  int result = header_size(block, &size);
  if (result == 0)
    /* The block itself counts, so that headers without a body end too. */
    result = size > archive->header_limit ? -EMSGSIZE : spend(archive, size + BLOCK_BYTES);
  if (result < 0)
    return result;
  if (type == 'L')
    result = give_name(archive, size, &entry->name_given, entry->name);
  else if (type == 'K')
    result = give_name(archive, size, &entry->link_given, entry->link);
  else if (type == 'g')
    result = read_records(archive, size, &archive->global);
  else
    /* Readers disagree on two of them before one entry: refused. */
    result = archive->local.length > 0 ? -EINVAL : read_records(archive, size, &archive->local);
  return result < 0 ? result : 1;
}

/* Only files have data; for others a size means nothing (as in Go's reader, which most images are made and read with). */
static int finish_data(struct archive *archive, struct entry *entry) {
  if (entry->kind != ENTRY_FILE) {
    entry->data_bytes = 0;
    entry->sparse.form = SPARSE_NONE;
  }
  archive->padding = padding_of(entry->data_bytes);
  int result = 0;
  if (entry->sparse.form == SPARSE_MAP_IN_DATA)
    result = sparse_read_data_map(&entry->sparse, &archive->stream, &entry->data_bytes);
  archive->data_left = entry->data_bytes;
  if (result == 0 && entry->sparse.form != SPARSE_NONE)
    result = sparse_check(&entry->sparse, entry->data_bytes);
  return result;
}

static int decode_entry(struct archive *archive, const unsigned char *block, struct entry *entry) {
  int old_sparse = header_type(block) == 'S';
  int result = header_decode(block, entry);
  if (result == 0)
    result = pax_apply(&archive->global, 1, entry);
  if (result == 0)
    result = pax_apply(&archive->local, 0, entry);
  if (result == 0 && old_sparse)
    result = sparse_read_headers(&entry->sparse, block, &archive->stream);
  if (result == 0)
    result = finish_data(archive, entry);
  return result;
}

/* Two zero blocks end an archive; one and the end of the stream do as well. Anything else there is damage. */
static int read_end(struct archive *archive) {
  const unsigned char *block;
  int result = stream_block(&archive->stream, &block);
  if (result <= 0)
    return result;
  return header_is_zero(block) ? 0 : -EBADMSG;
}

static void entry_reset(struct archive *archive, struct entry *entry) {
  struct segment *segments = entry->sparse.segments;
  size_t capacity = entry->sparse.capacity;
  memset(entry, 0, offsetof(struct entry, name));
  entry->name[0] = entry->link[0] = 0;
  /* A segment takes 16 bytes of ours and at least 4 of the archive. */
  entry->sparse.limit = (size_t)(archive->header_limit / 4);
  entry->sparse.segments = segments;
  entry->sparse.capacity = capacity;
  archive->header_used = 0;
  archive->local.length = 0;
}

int archive_next(struct archive *archive, struct entry *entry) {
  int result = stream_skip(&archive->stream, archive->data_left);
  if (result == 0)
    result = stream_skip(&archive->stream, archive->padding);
  archive->data_left = archive->padding = 0;
  entry_reset(archive, entry);
  while (result == 0) {
    const unsigned char *block;
    result = stream_block(&archive->stream, &block);
    if (result <= 0)
      return result == 0 ? -EBADMSG : result;
    if (header_is_zero(block))
      return read_end(archive);
    result = header_check(block);
    if (result == 0)
      result = read_extended(archive, block, entry);
    if (result == 0) {
      result = decode_entry(archive, block, entry);
      return result < 0 ? result : 1;
    }
    result = result < 0 ? result : 0;
  }
  return result;
}

void archive_data_done(struct archive *archive) {
  archive->data_left = 0;
}
