/*
 * What the parts of the unpacker share. It runs in a worker of its own, as root, on archives that nobody vouches for:
 * names are resolved inside the target by openat2, every size is bounded, and the first error ends it.
 *
 *   stream.c → entry.c (header.c, number.c, pax.c, sparse.c) → unpack.c → place.c, whiteout.c (parent.c, metadata.c, implied.c)
 */
#ifndef ISOPOD_UNPACK_H
#define ISOPOD_UNPACK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1              /* O_PATH, SYS_openat2 and others; every file of the unpacker includes this one first */
#endif

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define BLOCK_BYTES 512
#define STREAM_BYTES (256 * 1024)
#define PARENT_SLOTS 16

/* ── stream.c: the bytes of the archive, in order ── */
struct stream {
  int fd;
  unsigned char *buffer;           /* STREAM_BYTES */
  size_t at;
  size_t end;
};

int stream_open(struct stream *stream, int fd);
void stream_close(struct stream *stream);
/* 1 and the next 512 bytes (valid until the next call), 0 at the end of the stream, -EBADMSG inside a block. */
int stream_block(struct stream *stream, const unsigned char **block);
int stream_read(struct stream *stream, void *to, size_t count);
int stream_skip(struct stream *stream, uint64_t count);
/* Writes the next `count` bytes to `fd` at its position. */
int stream_copy(struct stream *stream, int fd, uint64_t count);
/* Reads and forgets what is left; -EFBIG when that is over `limit`. */
int stream_drain(struct stream *stream, uint64_t limit);

/* ── number.c ── */
/* A numeric field of a header: octal digits, or base 256 when the first bit is set. -EINVAL for anything else. */
int number_field(const unsigned char *field, size_t width, int64_t *number);
/* Decimal digits only, up to INT64_MAX. */
int number_decimal(const char *text, size_t length, uint64_t *number);
/* Seconds with an optional sign and fraction, as pax writes times; cut to nanoseconds. */
int number_time(const char *text, size_t length, struct timespec *time);

/* ── what an archive says ── */
enum entry_kind {
  ENTRY_FILE,
  ENTRY_HARD_LINK,
  ENTRY_SYMLINK,
  ENTRY_DIRECTORY,
  ENTRY_CHARACTER_DEVICE,
  ENTRY_BLOCK_DEVICE,
  ENTRY_FIFO,
  ENTRY_LABEL                      /* names the archive; nothing to unpack */
};

struct segment {
  uint64_t offset;
  uint64_t length;
};

/* Where the data of a sparse file go; the rest are holes. */
struct sparse {
  enum { SPARSE_NONE, SPARSE_MAPPED, SPARSE_MAP_IN_DATA } form;
  uint64_t size;                   /* of the file, holes included */
  struct segment *segments;
  size_t count;
  size_t capacity;
  size_t limit;                    /* of segments */
  int half;                        /* the last segment has an offset and no length yet */
};

/* Records of pax headers: `count SP key=value LF`, one after the other. */
struct records {
  char *bytes;
  size_t length;
};

struct entry {
  enum entry_kind kind;
  mode_t mode;                     /* permission bits and setuid, setgid, sticky */
  uid_t uid;
  gid_t gid;
  unsigned device_major;
  unsigned device_minor;
  uint64_t data_bytes;             /* in the archive */
  struct timespec modified;
  struct timespec accessed;
  int accessed_known;
  int name_given;                  /* by a long-name or pax header */
  int link_given;
  struct sparse sparse;
  char name[PATH_MAX];
  char link[PATH_MAX];
};

/* ── header.c: one block → entry, and the type letter ── */
int header_check(const unsigned char *block);       /* -EBADMSG when the checksum is wrong */
int header_is_zero(const unsigned char *block);
int header_decode(const unsigned char *block, struct entry *entry);
char header_type(const unsigned char *block);
int header_size(const unsigned char *block, uint64_t *size);

/* ── pax.c ── */
struct pax_record {
  const char *key;
  size_t key_length;
  const char *value;
  size_t value_length;
};
/* 1 a record and `*at` behind it, 0 at the end, -EBADMSG for one that is malformed. */
int pax_next(const struct records *records, size_t *at, struct pax_record *record);
int pax_apply(const struct records *records, int global, struct entry *entry);
/* The name behind SCHILY.xattr., copied into `name` (XATTR_NAME_MAX + 1); 0 when the record is no such one. */
int pax_xattr_name(const struct pax_record *record, char *name);

/* ── sparse.c ── */
int sparse_offset(struct sparse *sparse, uint64_t offset);
int sparse_length(struct sparse *sparse, uint64_t length);
int sparse_map_text(struct sparse *sparse, const char *text, size_t length);
/* Reads what the old GNU format has in the header and in the blocks behind it. */
int sparse_read_headers(struct sparse *sparse, const unsigned char *header, struct stream *stream);
/* Reads the map at the beginning of the data (GNU.sparse 1.0) and takes it off `*data_bytes`. */
int sparse_read_data_map(struct sparse *sparse, struct stream *stream, uint64_t *data_bytes);
/* Segments ascend, do not overlap, end within the size and hold all data. */
int sparse_check(const struct sparse *sparse, uint64_t data_bytes);
int sparse_copy(const struct sparse *sparse, struct stream *stream, int fd);

/* ── entry.c: headers → the next entry ── */
struct archive {
  struct stream stream;
  uint64_t header_limit;           /* bytes of extended headers before one entry */
  uint64_t header_used;
  struct records global;
  struct records local;
  uint64_t data_left;              /* of the entry before */
  uint64_t padding;
};
/* 1 an entry, 0 the end of the archive. The data are to be read by archive_data_done or skipped by the next call. */
int archive_next(struct archive *archive, struct entry *entry);
void archive_data_done(struct archive *archive);

/* ── path.c ── */
/* Makes a name relative, without empty and `.` components, in place. -EINVAL for `..`, -ENAMETOOLONG. "" is the root. */
int path_clean(char *path);
/* The last component; what is before it has `*parent_length` bytes, without the slash. */
const char *path_split(const char *path, size_t *parent_length);

/* Copies what fits into `size` bytes, the NUL included. */
void text_cut(char *to, size_t size, const char *from);

/* ── parent.c: open directories by path, the recent ones kept ── */
struct parent_slot {
  int fd;                          /* -1 when free */
  unsigned used;
  size_t length;
  char path[PATH_MAX];
};

struct parents {
  struct parent_slot slots[PARENT_SLOTS];
  unsigned clock;
  int stale;                       /* something was replaced: no path is trusted at the next entry */
};

/* ── directory_times.c: times of directories, set when nothing is made in them any more ── */
struct directory_times {
  unsigned char *bytes;
  size_t length;
  size_t capacity;
  size_t path_length;
  char path[PATH_MAX];             /* the last one, others share its beginning */
};

struct unpack {
  int root;
  int whiteouts;                   /* WHITEOUTS_* */
  uint64_t max_entries;
  uint64_t max_bytes;
  uint64_t entries;
  uint64_t implied;                /* parents that no entry named */
  uint64_t bytes;
  int merges;                      /* a copy into a tree that is in use: nothing half stands under its name, kinds stay */
  int owners;                      /* OWNERS_*, of a copy */
  uid_t uid;                       /* whose what is made becomes, unless the archive says */
  gid_t gid;
  const char *prefix;              /* the directory that a copy goes into, a clean path; NULL: the root */
  int root_named;
  int layer_notes;                 /* LAYER_*, of what the layers below have a say in */
  int inherits;                    /* a directory may hand on its group or its default ACL, or we are not root:root */
  struct archive archive;
  struct entry entry;
  struct parents parents;
  struct directory_times times;
  int named;                       /* the entry's header was read: its empty name is the root */
  char about[64];                  /* what of the entry failed, for the answer */
};

/* What was made for an entry: `fd` is open on it, or -1 and it is `name` in `parent`. */
struct made {
  int fd;
  int parent;
  const char *name;
  int existed;
};

void parents_init(struct parents *parents);
void parents_flush(struct parents *parents);
/* An open directory at `path` inside the root; it belongs to the cache. `make`: missing ones are made, 0755. */
int parent_open(struct unpack *unpack, const char *path, size_t length, int make);
/* Hands an open directory to the cache. */
void parent_keep(struct unpack *unpack, const char *path, int fd);

int directory_times_add(struct directory_times *times, const struct entry *entry, ino_t inode);
int directory_times_apply(struct directory_times *times, int root);
void directory_times_free(struct directory_times *times);

/*
 * ── implied.c: notes in a layer's tree of what only the layers below can tell; steps/settle.c works them off ──
 * On a directory the attribute says that no entry named it. On the root, letters say what there is to do at all.
 */
#define LAYER_NOTE "trusted.isopod.implied"
#define LAYER_NOTE_PREFIX "trusted.isopod."
enum { LAYER_ROOT = 1, LAYER_IMPLIED = 2, LAYER_WHITEOUTS = 4, LAYER_OPAQUE_ROOT = 8 };
#define LAYER_NOTE_LETTERS "rdwo"  /* in the order of the bits */
/* A file system without attributes keeps no notes: then directories stay as they were made. */
int implied_note(struct unpack *unpack, int directory);
int implied_forget(struct unpack *unpack, int directory);
int implied_end(struct unpack *unpack);

int metadata_apply(struct unpack *unpack, const struct entry *entry, const struct made *made);
int metadata_directory(struct unpack *unpack, const struct entry *entry, int fd, int existed);

int place_entry(struct unpack *unpack, const struct entry *entry);
int place_opaque(struct unpack *unpack, int directory);
int is_whiteout(const struct unpack *unpack, int parent, const char *name);

enum whiteout_kind { WHITEOUT_NONE, WHITEOUT_IGNORED, WHITEOUT_OPAQUE, WHITEOUT_NAME };
/* What a cleaned name means; *hidden is the name that a WHITEOUT_NAME hides. */
int whiteout_classify(const char *path, const char **hidden);
int whiteout_place(struct unpack *unpack, const char *path, const char *hidden);
int whiteout_opaque(struct unpack *unpack, const char *path);

/* unpack.c: everything but the answer; the target is `directory`, an open one that stays the caller's. */
int unpack_begin(struct unpack *unpack, int source, int directory);
int unpack_all(struct unpack *unpack);
void unpack_end(struct unpack *unpack);

/* An archive from a connection into a directory, and the answer: `unpacked`, or `failed` with the entry's index as its step. */
int unpack_answer(struct unpack *unpack, int socket, int directory);
/* Refuses it before its first byte, which the peer may be writing. */
int unpack_refuse(int socket, int error, const char *detail);

/* remove_tree.c: a name in a directory and all below it; a missing one is fine. `culprit` (256 bytes, may be NULL) names what refused. */
int remove_tree(int directory, const char *name, char *culprit);

/* openat2 with these flags and RESOLVE_* bits, tried again while a rename disturbs it; close-on-exec. */
int open_resolved(int directory, const char *path, int flags, uint64_t resolve);

#endif
