/*
 * What goes in and out of a tree that nobody vouches for, as tar: the packer, and who enters a container for it. Unpacking
 * is that of images (../unpack), told to merge.
 *
 *   serve.c (root.c: into the container) → pack.c (tree.c, data.c) → header.c, links.c → sink.c
 *   changes.c (same.c, notes.c): what a container has written over its image, as a layer or a list
 *   program.c: the same for the caller's own files, by standard streams
 */
#ifndef ISOPOD_COPY_H
#define ISOPOD_COPY_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../helper.h"
#include "../steps/id_map.h"

#define TAR_BLOCK_BYTES 512
#define SINK_BYTES 32768
/* Of what holds less than its size says, as files of the kernel do: they are read before their header is written. */
#define KERNEL_FILE_BYTES (1 << 20)

/* ── sink.c: where an archive goes ── */
struct sink {
  int fd;
  int framed;                      /* in messages `treePart`, for a socket of ours */
  size_t used;
  unsigned char *bytes;
};
int sink_open(struct sink *sink, int fd, int framed);
void sink_close(struct sink *sink);
int sink_put(struct sink *sink, const void *bytes, size_t length);
/* Zeros up to the next block. */
int sink_pad(struct sink *sink, uint64_t length);
int sink_flush(struct sink *sink);

/* ── links.c: files with several names; one that is met again is a hard link to its first name ── */
struct link_slot {
  dev_t device;
  ino_t inode;
  char *name;                      /* NULL: free */
};
struct links {
  struct link_slot *slots;
  size_t capacity, count, bytes;
};
/* The first name, or NULL: then `name` is it from now on, as far as memory is granted. */
const char *links_find(struct links *links, const struct stat *status, const char *name);
void links_free(struct links *links);

/* ── pack.c ── */
/* Those that another root may have: capabilities and user's; or all but what is of the host or of overlayfs alone. */
enum { PACK_ATTRIBUTES_NONE = 0, PACK_ATTRIBUTES_PORTABLE = 1, PACK_ATTRIBUTES_WHOLE = 2 };
struct owners;
struct pack {
  struct sink sink;
  int attributes;                  /* extended ones go along: a value of PACK_ATTRIBUTES_* */
  uint64_t mount;                  /* what is mounted elsewhere than this is packed without content; 0: no matter where */
  int proc;                        /* /proc/self/fd of the host */
  const struct owners *owners;     /* ids on disk stand for others; NULL: they are as they are */
  struct links links;
  uint64_t entries, bytes;
  size_t name_length;
  char name[PATH_MAX];             /* in the archive */
};
/*
 * Packs what `source` (O_PATH) is, as `name`; with an empty one, what is in the directory that it is. The present name
 * tells what failed.
 */
int pack_all(struct pack *pack, int source, const char *name);
/* Behind the last entry. */
int pack_finish(struct pack *pack);
void pack_end(struct pack *pack);
/* Opens what an O_PATH descriptor is of. */
int pack_reopen(const struct pack *pack, int found, int flags);
/* Whether it is made up by the kernel as it is read: procfs, sysfs and the like. */
int pack_is_kernels(int found);

/* ── tree.c: what is in a directory ── */
int pack_node(struct pack *pack, int found, const struct stat *status);
/* An entry that is its header alone. */
int pack_plain(struct pack *pack, const struct stat *status, char type, const char *link);
/* Appends a name to the present one. @returns the length before, for `name_leave`, or a negative errno */
ssize_t name_enter(struct pack *pack, const char *name);
void name_leave(struct pack *pack, size_t before);
/* Which mount it is on (statx(2), Linux 5.8); 0 and an error where the kernel does not tell. */
int pack_mount_of(int found, uint64_t *mount);
/* Deepest tree: three descriptors each; what is deeper is refused, for nothing may be left out in silence. */
#define MAX_LEVELS 256
int pack_children(struct pack *pack, int found, const struct stat *status, int depth);

/* ── data.c: a regular file ── */
int pack_file(struct pack *pack, int found);
struct records_out;
/* The attributes of an opened file or directory that go along. */
int pack_attributes(const struct pack *pack, struct records_out *records, int file);

/* ── notes.c: what overlayfs notes in an upper directory ── */
int note_is_hole(const struct stat *status);
int note_is_opaque(int directory);
/* What it holds was left where it is told to be (redirect_dir, metacopy). */
int note_is_elsewhere(int file);
/* Of the attributes that go along, for two that are open. */
int note_has_same_attributes(const struct pack *pack, int now, int before);

/* ── same.c: whether what a container has is what its layers have; 1, 0 or a negative errno ── */
struct owners {
  struct id_map uids, gids;
};
/* Makes ids on disk those that the container has. */
void pack_owner(const struct pack *pack, struct stat *status);
int is_same_time(const struct timespec *one, const struct timespec *other);
/* For what is no directory. */
int is_same_node(const struct pack *pack, int found, const struct stat *status, int former, const struct stat *old);

/* ── changes.c: what a container has that the layers of its image have not ── */
struct changed {
  int upper, below;                /* the directory itself; the layers, stacked */
  int whole;                       /* it holds all that there is, not only what differs from the layers */
  const struct value *without;     /* paths that are none of it */
  int lists;                       /* a list of it in place of an archive */
};
int changes_pack(struct pack *pack, const struct changed *changed);

/* ── header.c ── */
struct records_out {
  char *bytes;
  size_t length, capacity;
};
int record_add(struct records_out *records, const char *key, const void *value, size_t length);
int record_add_number(struct records_out *records, const char *key, uint64_t number);
struct item {
  const struct stat *status;
  char type;                       /* of the tar header */
  const char *link;                /* or "" */
  uint64_t data_bytes;             /* behind the header */
  const char *shown;               /* in the plain header in place of the name, or NULL */
  struct records_out records;      /* more of them; freed by who has made them */
};
int pack_header(struct pack *pack, struct item *item);

/* ── root.c ── */
/* The root that the message names, entered so that ids, mounts and rights are the container's. `detail` says what failed. */
int copy_enter(const struct value *values, int *root, char *detail);
/* What was written over layers. */
struct written {
  int upper, below, whole;         /* as of struct changed; -1: nothing is asked of changes */
  const struct owners *owners;
};
int copy_enter_written(const struct value *values, struct written *written, char *detail);

/* ── serve.c ── */
/* Answers copies in and out of one root, or of what was changed in one, until the connection ends. */
void copy_serve(int connection, uint8_t type, const struct value *values);

/* ── program.c: `isopod-helper pack` and `unpack` ── */
int copy_pack_main(char **arguments);
int copy_unpack_main(char **arguments);

#endif
