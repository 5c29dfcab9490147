/* The container's log: CRI text in one file, or the raw bytes of each stream in a file of its own; rotated by size. */
#ifndef ISOPOD_LOG_H
#define ISOPOD_LOG_H

#include <stddef.h>
#include <stdint.h>

struct log_file {
  const char *name;
  int descriptor;                  /* -1 until it could be opened */
  uint64_t size;
};

struct log {
  int format;                      /* LOG_FORMAT_* */
  int directory;
  uint64_t max_bytes;              /* of one file; 0: no bound */
  uint32_t max_files;
  struct log_file files[2];        /* cri: the first only; raw: stdout, stderr */
  uint64_t lost;                   /* bytes of output that no line of the log tells of yet */
  int reason;                      /* errno of that loss */
  char *batch;                     /* lines on their way into the file; there only while output flows */
  size_t batched;
  size_t marked;                   /* of them, the bytes of a loss mark in front */
};

#define LOG_MAX_FILES 1000

void log_open(struct log *log);
/* stream: 1 stdout, 2 stderr. Never fails: what could not be written is counted. */
void log_write(struct log *log, int stream, const char *bytes, size_t length);
/* Gives back the memory that is only needed while output flows. */
void log_idle(struct log *log);
void log_close(struct log *log);

/* log-file.c. Appends all or the front part; returns what was written, *reason is the errno when that is not all. */
size_t log_file_write(struct log_file *file, int directory, const char *bytes, size_t length, int *reason);
/* Cuts the file back to `size`, after a write that stopped in the middle of a line. */
void log_file_cut(struct log_file *file, uint64_t size);
void log_file_rotate(struct log_file *file, int directory, uint32_t max_files);
int log_file_open(struct log_file *file, int directory);
void log_file_close(struct log_file *file);

#endif
