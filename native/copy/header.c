/* POSIX.1-2017 pax: a ustar header, and before it one with records for all that has no room there. */
#include "copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

enum {
  NAME = 0, NAME_WIDTH = 100,
  MODE = 100, UID = 108, GID = 116, ID_WIDTH = 8,
  SIZE = 124, MTIME = 136, WIDE = 12,
  CHECKSUM = 148,
  TYPE = 156,
  LINK = 157,
  MAGIC = 257,
  MAJOR = 329, MINOR = 337
};
/* What the octal digits of a field hold. */
#define ID_LIMIT (UINT64_C(1) << 21)
#define WIDE_LIMIT (UINT64_C(1) << 33)
#define NUMBER_BYTES 48
#define EXTENDED 'x'
#define EXTENDED_NAME "pax"

static int reserve(struct records_out *records, size_t more) {
  if (records->capacity - records->length >= more)
    return 0;
  size_t capacity = (records->length + more) * 2;
  char *grown = realloc(records->bytes, capacity);
  if (grown == NULL)
    return -ENOMEM;
  records->bytes = grown;
  records->capacity = capacity;
  return 0;
}

/* The length of a record counts its own digits. */
static size_t record_length(size_t rest) {
  size_t digits = 1;
  for (;;) {
    size_t length = rest + digits;
    size_t wanted = 1;
    for (size_t left = length; left >= 10; left /= 10)
      wanted++;
    if (wanted == digits)
      return length;
    digits = wanted;
  }
}

int record_add(struct records_out *records, const char *key, const void *value, size_t length) {
  size_t whole = record_length(strlen(key) + length + 3);
  int result = reserve(records, whole + 1);
  if (result < 0)
    return result;
  char *at = records->bytes + records->length;
  int head = sprintf(at, "%zu %s=", whole, key);
  memcpy(at + head, value, length);
  at[(size_t)head + length] = '\n';
  records->length += whole;
  return 0;
}

int record_add_number(struct records_out *records, const char *key, uint64_t number) {
  char text[NUMBER_BYTES];
  int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
  return record_add(records, key, text, (size_t)length);
}

static int add_time(struct records_out *records, const struct timespec *time) {
  char text[NUMBER_BYTES];
  long long seconds = time->tv_sec;
  long nanoseconds = time->tv_nsec;
  const char *sign = "";
  /* -1.25 s is kept as -2 s and 750000000 ns. */
  if (seconds < 0 && nanoseconds > 0) {
    seconds++;
    nanoseconds = 1000000000 - nanoseconds;
    sign = seconds == 0 ? "-" : "";
  }
  int length = snprintf(text, sizeof(text), "%s%lld.%09ld", sign, seconds, nanoseconds);
  return record_add(records, "mtime", text, (size_t)length);
}

static void put_octal(unsigned char *field, size_t width, uint64_t number) {
  char text[NUMBER_BYTES];
  snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)number);
  memcpy(field, text, width);
}

static void put_text(unsigned char *field, const char *text) {
  size_t length = strnlen(text, NAME_WIDTH);
  memcpy(field, text, length);
}

static int write_block(struct pack *pack, unsigned char *block) {
  unsigned sum = 0;
  memcpy(block + MAGIC, "ustar\00000", 8);
  memset(block + CHECKSUM, ' ', 8);
  for (int i = 0; i < TAR_BLOCK_BYTES; i++)
    sum += block[i];
  put_octal(block + CHECKSUM, 7, sum);
  return sink_put(&pack->sink, block, TAR_BLOCK_BYTES);
}

/* Records that the fields of a plain header have no room for. */
static int add_records(const struct pack *pack, struct item *item) {
  const struct stat *status = item->status;
  struct records_out *records = &item->records;
  int result = 0;
  if (item->shown == NULL && pack->name_length > NAME_WIDTH)
    result = record_add(records, "path", pack->name, pack->name_length);
  if (result == 0 && strlen(item->link) > NAME_WIDTH)
    result = record_add(records, "linkpath", item->link, strlen(item->link));
  if (result == 0 && item->data_bytes >= WIDE_LIMIT)
    result = record_add_number(records, "size", item->data_bytes);
  if (result == 0 && status->st_uid >= ID_LIMIT)
    result = record_add_number(records, "uid", status->st_uid);
  if (result == 0 && status->st_gid >= ID_LIMIT)
    result = record_add_number(records, "gid", status->st_gid);
  const struct timespec *time = &status->st_mtim;
  if (result == 0 && (time->tv_nsec != 0 || time->tv_sec < 0 || (uint64_t)time->tv_sec >= WIDE_LIMIT))
    result = add_time(records, time);
  return result;
}

static int write_records(struct pack *pack, const struct records_out *records) {
  unsigned char block[TAR_BLOCK_BYTES] = {0};
  put_text(block + NAME, EXTENDED_NAME);
  put_octal(block + MODE, ID_WIDTH, 0600);
  put_octal(block + UID, ID_WIDTH, 0);
  put_octal(block + GID, ID_WIDTH, 0);
  put_octal(block + SIZE, WIDE, records->length);
  put_octal(block + MTIME, WIDE, 0);
  block[TYPE] = EXTENDED;
  int result = write_block(pack, block);
  if (result == 0)
    result = sink_put(&pack->sink, records->bytes, records->length);
  return result < 0 ? result : sink_pad(&pack->sink, records->length);
}

static uint64_t fitting(uint64_t number, uint64_t limit) {
  return number < limit ? number : 0;
}

int pack_header(struct pack *pack, struct item *item) {
  const struct stat *status = item->status;
  int result = add_records(pack, item);
  if (result == 0 && item->records.length > 0)
    result = write_records(pack, &item->records);
  if (result < 0)
    return result;
  unsigned char block[TAR_BLOCK_BYTES] = {0};
  put_text(block + NAME, item->shown != NULL ? item->shown : pack->name);
  put_text(block + LINK, item->link);
  put_octal(block + MODE, ID_WIDTH, status->st_mode & 07777);
  put_octal(block + UID, ID_WIDTH, fitting(status->st_uid, ID_LIMIT));
  put_octal(block + GID, ID_WIDTH, fitting(status->st_gid, ID_LIMIT));
  put_octal(block + SIZE, WIDE, fitting(item->data_bytes, WIDE_LIMIT));
  put_octal(block + MTIME, WIDE, status->st_mtim.tv_sec < 0 ? 0 : fitting((uint64_t)status->st_mtim.tv_sec, WIDE_LIMIT));
  block[TYPE] = (unsigned char)item->type;
  if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) {
    put_octal(block + MAJOR, ID_WIDTH, major(status->st_rdev));
    put_octal(block + MINOR, ID_WIDTH, minor(status->st_rdev));
  }
  pack->entries++;
  return write_block(pack, block);
}
