#include "unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The old GNU format: pairs of 12-byte fields in the header, then in extension blocks. GNU tar manual, "Old GNU Format". */
enum {
  HEADER_PAIRS = 386, HEADER_PAIR_COUNT = 4, HEADER_MORE = 482, HEADER_SIZE = 483,
  EXTENSION_PAIR_COUNT = 21, EXTENSION_MORE = 504,
  FIELD = 12
};

int sparse_offset(struct sparse *sparse, uint64_t offset) {
  if (sparse->half)
    return -EBADMSG;
  if (sparse->count >= sparse->limit)
    return -EMSGSIZE;
  if (sparse->count == sparse->capacity) {
    size_t capacity = sparse->capacity ? sparse->capacity * 2 : 64;
    struct segment *grown = realloc(sparse->segments, capacity * sizeof *grown);
    if (!grown)
      return -ENOMEM;
    sparse->segments = grown;
    sparse->capacity = capacity;
  }
  if (sparse->form == SPARSE_NONE)
    sparse->form = SPARSE_MAPPED;
  sparse->segments[sparse->count++] = (struct segment){ .offset = offset };
  sparse->half = 1;
  return 0;
}

int sparse_length(struct sparse *sparse, uint64_t length) {
  if (!sparse->half)
    return -EBADMSG;
  sparse->segments[sparse->count - 1].length = length;
  sparse->half = 0;
  return 0;
}

static int sparse_number(struct sparse *sparse, uint64_t number) {
  return sparse->half ? sparse_length(sparse, number) : sparse_offset(sparse, number);
}

int sparse_map_text(struct sparse *sparse, const char *text, size_t length) {
  const char *end = text + length;
  while (text < end) {
    const char *comma = memchr(text, ',', (size_t)(end - text));
    const char *stop = comma ? comma : end;
    uint64_t number;
    int result = number_decimal(text, (size_t)(stop - text), &number);
    if (result == 0)
      result = sparse_number(sparse, number);
    if (result < 0)
      return result;
    text = comma ? comma + 1 : end;
  }
  return 0;
}

static int read_pairs(struct sparse *sparse, const unsigned char *pair, int count) {
  for (int i = 0; i < count; i++, pair += 2 * FIELD) {
    int64_t offset, length;
    /* An unused pair is empty. */
    if (pair[0] == 0)
      return 0;
    if (number_field(pair, FIELD, &offset) < 0 || number_field(pair + FIELD, FIELD, &length) < 0)
      return -EINVAL;
    if (offset < 0 || length < 0)
      return -EINVAL;
    int result = sparse_offset(sparse, (uint64_t)offset);
    if (result == 0)
      result = sparse_length(sparse, (uint64_t)length);
    if (result < 0)
      return result;
  }
  return 0;
}

int sparse_read_headers(struct sparse *sparse, const unsigned char *header, struct stream *stream) {
  int64_t size;
  if (number_field(header + HEADER_SIZE, FIELD, &size) < 0 || size < 0)
    return -EINVAL;
  sparse->size = (uint64_t)size;
  sparse->form = SPARSE_MAPPED;
  int more = header[HEADER_MORE];
  int result = read_pairs(sparse, header + HEADER_PAIRS, HEADER_PAIR_COUNT);
  for (size_t blocks = 0; more && result == 0; blocks++) {
    const unsigned char *extension;
    if (blocks * EXTENSION_PAIR_COUNT > sparse->limit)
      return -EMSGSIZE;
    result = stream_block(stream, &extension);
    if (result <= 0)
      return result == 0 ? -EBADMSG : result;
    more = extension[EXTENSION_MORE];
    result = read_pairs(sparse, extension, EXTENSION_PAIR_COUNT);
  }
  return result;
}

/* Digits and newlines of the map that stands in the data, read block by block. */
struct map_reader {
  struct stream *stream;
  const unsigned char *block;
  size_t at;
  uint64_t left;                   /* data bytes not yet read */
};

static int map_number(struct map_reader *reader, uint64_t *number) {
  char digits[20];
  size_t length = 0;
  for (;;) {
    if (reader->at == BLOCK_BYTES) {
      if (reader->left < BLOCK_BYTES)
        return -EBADMSG;
      int result = stream_block(reader->stream, &reader->block);
      if (result <= 0)
        return result == 0 ? -EBADMSG : result;
      reader->left -= BLOCK_BYTES;
      reader->at = 0;
    }
    char next = (char)reader->block[reader->at++];
    if (next == '\n')
      return number_decimal(digits, length, number);
    if (length == sizeof digits)
      return -EBADMSG;
    digits[length++] = next;
  }
}

int sparse_read_data_map(struct sparse *sparse, struct stream *stream, uint64_t *data_bytes) {
  struct map_reader reader = { .stream = stream, .at = BLOCK_BYTES, .left = *data_bytes };
  uint64_t count;
  int result = map_number(&reader, &count);
  if (result == 0 && count > sparse->limit)
    result = -EMSGSIZE;
  for (uint64_t i = 0; result == 0 && i < 2 * count; i++) {
    uint64_t number;
    result = map_number(&reader, &number);
    if (result == 0)
      result = sparse_number(sparse, number);
  }
  *data_bytes = reader.left;
  return result;
}

int sparse_check(const struct sparse *sparse, uint64_t data_bytes) {
  uint64_t end = 0, sum = 0;
  if (sparse->half || sparse->size > INT64_MAX)
    return -EBADMSG;
  for (size_t i = 0; i < sparse->count; i++) {
    const struct segment *segment = &sparse->segments[i];
    if (segment->offset < end || segment->offset > sparse->size || segment->length > sparse->size - segment->offset)
      return -EBADMSG;
    end = segment->offset + segment->length;
    sum += segment->length;
  }
  return sum == data_bytes ? 0 : -EBADMSG;
}

int sparse_copy(const struct sparse *sparse, struct stream *stream, int fd) {
  if (ftruncate(fd, (off_t)sparse->size) < 0)
    return -errno;
  for (size_t i = 0; i < sparse->count; i++) {
    if (lseek(fd, (off_t)sparse->segments[i].offset, SEEK_SET) < 0)
      return -errno;
    int result = stream_copy(stream, fd, sparse->segments[i].length);
    if (result < 0)
      return result;
  }
  return 0;
}
