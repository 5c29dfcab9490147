/*
 * What goes in and out of a tree that nobody vouches for, as tar: the packer, and who enters a container for it. Unpacking
 * is that of images (../unpack), told to merge.
 *
 *   serve.c (root.c: into the container) → pack.c (tree.c, data.c) → header.c, links.c → sink.c
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
struct pack {
  struct sink sink;
  int attributes;                  /* extended ones go along */
  int proc;                        /* /proc/self/fd of the host */
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
void pack_end(struct pack *pack);
/* Opens what an O_PATH descriptor is of. */
int pack_reopen(const struct pack *pack, int found, int flags);
/* Whether it is made up by the kernel as it is read: procfs, sysfs and the like. */
int pack_is_kernels(int found);

/* ── tree.c: what is in a directory ── */
int pack_node(struct pack *pack, int found, const struct stat *status);
int pack_children(struct pack *pack, int found, const struct stat *status, int depth);

/* ── data.c: a regular file ── */
int pack_file(struct pack *pack, int found);

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

/* ── serve.c ── */
/* Answers copies in and out of one root, until the connection ends. */
void copy_serve(int connection, const struct value *values);

/* ── program.c: `isopod-helper pack` and `unpack` ── */
int copy_pack_main(char **arguments);
int copy_unpack_main(char **arguments);

#endif
