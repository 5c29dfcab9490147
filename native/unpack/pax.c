#include "unpack.h"

#include <errno.h>
#include <linux/limits.h>
#include <string.h>

#define XATTR_PREFIX "SCHILY.xattr."

int pax_next(const struct records *records, size_t *at, struct pax_record *record) {
  if (*at == records->length)
    return 0;
  const char *start = records->bytes + *at;
  size_t left = records->length - *at;
  const char *space = memchr(start, ' ', left < 20 ? left : 20);
  uint64_t count;
  if (!space || number_decimal(start, (size_t)(space - start), &count) < 0)
    return -EBADMSG;
  if (count > left || count < (uint64_t)(space - start) + 3 || start[count - 1] != '\n')
    return -EBADMSG;
  const char *end = start + count - 1;
  record->key = space + 1;
  const char *equals = memchr(record->key, '=', (size_t)(end - record->key));
  if (!equals || equals == record->key)
    return -EBADMSG;
  record->key_length = (size_t)(equals - record->key);
  record->value = equals + 1;
  record->value_length = (size_t)(end - record->value);
  *at += count;
  return 1;
}

int pax_xattr_name(const struct pax_record *record, char *name) {
  size_t prefix = strlen(XATTR_PREFIX);
  if (record->key_length <= prefix || memcmp(record->key, XATTR_PREFIX, prefix) != 0)
    return 0;
  size_t length = record->key_length - prefix;
  if (length > XATTR_NAME_MAX)
    return -ENAMETOOLONG;
  memcpy(name, record->key + prefix, length);
  name[length] = 0;
  return strlen(name) == length ? 1 : -EINVAL;
}

static int text_value(const struct pax_record *record, char *to) {
  if (record->value_length >= PATH_MAX)
    return -ENAMETOOLONG;
  if (memchr(record->value, 0, record->value_length))
    return -EINVAL;
  memcpy(to, record->value, record->value_length);
  to[record->value_length] = 0;
  return 0;
}

/* A name given twice, by the GNU headers and here, is read differently by different readers: refused. */
static int apply_path(const struct pax_record *record, struct entry *entry) {
  return entry->name_given ? -EINVAL : text_value(record, entry->name);
}

static int apply_link(const struct pax_record *record, struct entry *entry) {
  return entry->link_given ? -EINVAL : text_value(record, entry->link);
}

static int apply_sparse_name(const struct pax_record *record, struct entry *entry) {
  return text_value(record, entry->name);
}

static int apply_size(const struct pax_record *record, struct entry *entry) {
  return number_decimal(record->value, record->value_length, &entry->data_bytes);
}

static int owner(const struct pax_record *record, uint32_t *to) {
  uint64_t number;
  if (number_decimal(record->value, record->value_length, &number) < 0 || number >= UINT32_MAX)
    return -EINVAL;
  *to = (uint32_t)number;
  return 0;
}

static int apply_uid(const struct pax_record *record, struct entry *entry) {
  return owner(record, &entry->uid);
}

static int apply_gid(const struct pax_record *record, struct entry *entry) {
  return owner(record, &entry->gid);
}

static int apply_mtime(const struct pax_record *record, struct entry *entry) {
  return number_time(record->value, record->value_length, &entry->modified);
}

static int apply_atime(const struct pax_record *record, struct entry *entry) {
  entry->accessed_known = 1;
  return number_time(record->value, record->value_length, &entry->accessed);
}

static int apply_sparse_size(const struct pax_record *record, struct entry *entry) {
  if (entry->sparse.form == SPARSE_NONE)
    entry->sparse.form = SPARSE_MAPPED;
  return number_decimal(record->value, record->value_length, &entry->sparse.size);
}

static int apply_sparse_map(const struct pax_record *record, struct entry *entry) {
  return sparse_map_text(&entry->sparse, record->value, record->value_length);
}

static int apply_sparse_offset(const struct pax_record *record, struct entry *entry) {
  uint64_t number;
  int result = number_decimal(record->value, record->value_length, &number);
  return result < 0 ? result : sparse_offset(&entry->sparse, number);
}

static int apply_sparse_length(const struct pax_record *record, struct entry *entry) {
  uint64_t number;
  int result = number_decimal(record->value, record->value_length, &number);
  return result < 0 ? result : sparse_length(&entry->sparse, number);
}

static int apply_sparse_major(const struct pax_record *record, struct entry *entry) {
  uint64_t version;
  if (number_decimal(record->value, record->value_length, &version) < 0 || version > 1)
    return -EOPNOTSUPP;
  if (version == 1)
    entry->sparse.form = SPARSE_MAP_IN_DATA;
  return 0;
}

/*
 * Keys that change what is unpacked. Others do not: names of users, comments, character sets, SCHILY.acl.* (no image tool
 * reads them), LIBARCHIVE.xattr.* (libarchive writes each of them as SCHILY.xattr.* too). `alone`: in a global header
 * it would make all entries one, so it is refused there. Sparse keys: GNU tar manual, appendix "Sparse Formats".
 */
static const struct {
  const char *key;
  int (*apply)(const struct pax_record *record, struct entry *entry);
  int alone;
} KEYS[] = {
  { "path", apply_path, 1 },
  { "linkpath", apply_link, 1 },
  { "size", apply_size, 1 },
  { "uid", apply_uid, 0 },
  { "gid", apply_gid, 0 },
  { "mtime", apply_mtime, 0 },
  { "atime", apply_atime, 0 },
  { "GNU.sparse.name", apply_sparse_name, 1 },
  { "GNU.sparse.size", apply_sparse_size, 1 },
  { "GNU.sparse.realsize", apply_sparse_size, 1 },
  { "GNU.sparse.map", apply_sparse_map, 1 },
  { "GNU.sparse.offset", apply_sparse_offset, 1 },
  { "GNU.sparse.numbytes", apply_sparse_length, 1 },
  { "GNU.sparse.major", apply_sparse_major, 1 },
};

static int apply_record(const struct pax_record *record, int global, struct entry *entry) {
  /* An empty value takes an earlier one back (POSIX pax, "pax Extended Header"); so the header's own counts. */
  if (record->value_length == 0)
    return 0;
  for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
    if (strlen(KEYS[i].key) != record->key_length || memcmp(KEYS[i].key, record->key, record->key_length) != 0)
      continue;
    return global && KEYS[i].alone ? -EINVAL : KEYS[i].apply(record, entry);
  }
  return 0;
}

/*
 * GNU.sparse.name is the real name where `path` is one for readers that know no sparse files, in whatever order they stand:
 * so it is applied behind all others.
 */
int pax_apply(const struct records *records, int global, struct entry *entry) {
  struct pax_record record, sparse_name = { 0 };
  size_t at = 0;
  int result;
  while ((result = pax_next(records, &at, &record)) > 0) {
    if (record.key_length == 15 && memcmp(record.key, "GNU.sparse.name", 15) == 0 && !global) {
      sparse_name = record;
      continue;
    }
    result = apply_record(&record, global, entry);
    if (result < 0)
      return result;
  }
  if (result == 0 && sparse_name.key)
    result = apply_record(&sparse_name, global, entry);
  return result;
}
