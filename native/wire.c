/* Decoding of payloads. Everything here comes from outside: every length is checked before it is used. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "core.h"

#define STEP_HEADER_BYTES 8

struct reader {
  const unsigned char *at;
  uint32_t left;
};

static int read_u16(struct reader *reader, uint16_t *number) {
  if (reader->left < sizeof *number) return -EBADMSG;
  memcpy(number, reader->at, sizeof *number);
  *number = le16toh(*number);
  reader->at += sizeof *number;
  reader->left -= sizeof *number;
  return 0;
}

static int read_u32(struct reader *reader, uint32_t *number) {
  if (reader->left < sizeof *number) return -EBADMSG;
  memcpy(number, reader->at, sizeof *number);
  *number = le32toh(*number);
  reader->at += sizeof *number;
  reader->left -= sizeof *number;
  return 0;
}

static int read_u64(struct reader *reader, uint64_t *number) {
  if (reader->left < sizeof *number) return -EBADMSG;
  memcpy(number, reader->at, sizeof *number);
  *number = le64toh(*number);
  reader->at += sizeof *number;
  reader->left -= sizeof *number;
  return 0;
}

static int read_bytes(struct reader *reader, struct value *value) {
  int result = read_u32(reader, &value->length);
  if (result < 0) return result;
  if (value->length > reader->left) return -EBADMSG;
  value->bytes = (const char *)reader->at;
  reader->at += value->length;
  reader->left -= value->length;
  return 0;
}

static int read_string(struct reader *reader, struct value *value) {
  int result = read_bytes(reader, value);
  if (result < 0) return result;
  if (reader->left == 0 || *reader->at != 0) return -EBADMSG;
  if (memchr(value->bytes, 0, value->length) != NULL) return -EBADMSG;
  reader->at++;
  reader->left--;
  return 0;
}

static int skip_step(struct reader *reader) {
  uint16_t code, zero;
  uint32_t length;
  if (read_u16(reader, &code) < 0 || read_u16(reader, &zero) < 0 || read_u32(reader, &length) < 0) return -EBADMSG;
  if (zero != 0 || length > reader->left) return -EBADMSG;
  reader->at += length;
  reader->left -= length;
  return 0;
}

/* A list of strings ('S') or of steps ('L'): walked once, so that cursors need no checks. */
static int read_list(struct reader *reader, char kind, struct value *value) {
  int result = read_u32(reader, &value->count);
  if (result < 0) return result;
  value->bytes = (const char *)reader->at;
  uint32_t before = reader->left;
  for (uint32_t item = 0; item < value->count; item++) {
    struct value ignored;
    result = kind == 'S' ? read_string(reader, &ignored) : skip_step(reader);
    if (result < 0) return result;
  }
  value->length = before - reader->left;
  return 0;
}

static int read_value(struct reader *reader, char kind, struct value *value) {
  switch (kind) {
    case 'u': return read_u64(reader, &value->number);
    case 's': return read_string(reader, value);
    case 'b': return read_bytes(reader, value);
    case 'S':
    case 'L': return read_list(reader, kind, value);
    default: return -EBADMSG;
  }
}

int wire_decode(const char *signature, const unsigned char *bytes, uint32_t length, struct value *values) {
  struct reader reader = { bytes, length };
  size_t count = strlen(signature);
  if (count > MAX_VALUES) return -EBADMSG;
  memset(values, 0, count * sizeof *values);
  for (size_t position = 0; position < count; position++) {
    int result = read_value(&reader, signature[position], &values[position]);
    if (result < 0) return result;
  }
  return reader.left == 0 ? 0 : -EBADMSG;
}

const char *wire_message_signature(uint8_t type) {
  switch (type) {
#define SIGNATURE_OF(name, code, signature) \
  case code: return signature;
    MESSAGE_TABLE(SIGNATURE_OF)
#undef SIGNATURE_OF
    default: return NULL;
  }
}

struct string_cursor string_cursor(const struct value *list) {
  return (struct string_cursor){ list->bytes, list->length };
}

const char *string_next(struct string_cursor *cursor) {
  struct reader reader = { (const unsigned char *)cursor->at, cursor->left };
  struct value value;
  if (read_string(&reader, &value) < 0) return NULL;
  cursor->at = (const char *)reader.at;
  cursor->left = reader.left;
  return value.bytes;
}

struct step_cursor step_cursor(const struct value *list) {
  return (struct step_cursor){ list->bytes, list->length };
}

int step_next(struct step_cursor *cursor, uint16_t *code, const unsigned char **body, uint32_t *length) {
  if (cursor->left < STEP_HEADER_BYTES) return 0;
  struct reader reader = { (const unsigned char *)cursor->at, cursor->left };
  uint16_t zero;
  if (read_u16(&reader, code) < 0 || read_u16(&reader, &zero) < 0 || read_u32(&reader, length) < 0) return 0;
  if (*length > reader.left) return 0;
  *body = reader.at;
  cursor->at = (const char *)reader.at + *length;
  cursor->left = reader.left - *length;
  return 1;
}
