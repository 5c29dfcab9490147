/*
 * Formats output into the log. Lines are gathered in a batch and written with one call. CRI: the text format of the
 * Kubernetes container runtime interface, `TIME STREAM TAG TEXT\n`, tag `F` for a whole line and `P` for a part of one.
 */
#include "log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "../gen/wire.h"
#include "buffer.h"
#include "text.h"

#define BATCH_BYTES (128 * 1024)
#define LINE_BYTES (16 * 1024)
#define HEADER_BYTES 40            /* time 30, stream 6, tag 1, three spaces */
#define MARK_BYTES 160

void log_open(struct log *log) {
  int raw = log->format == LOG_FORMAT_RAW;
  log->files[0] = (struct log_file){.name = raw ? "stdout" : "container.log", .descriptor = -1};
  log->files[1] = (struct log_file){.name = "stderr", .descriptor = -1};
  if (log->format == LOG_FORMAT_NONE) return;
  log_file_open(&log->files[0], log->directory);
  if (raw) log_file_open(&log->files[1], log->directory);
}

void log_close(struct log *log) {
  log_idle(log);
  log_file_close(&log->files[0]);
  log_file_close(&log->files[1]);
}

void log_idle(struct log *log) {
  pages_give(log->batch, BATCH_BYTES);
  log->batch = NULL;
  log->batched = log->marked = 0;
}

static void lose(struct log *log, uint64_t bytes, int reason) {
  log->lost += bytes;
  log->reason = reason;
}

/* Bytes of output in whole lines of the log: an `F` line stands for its text and the newline. */
static uint64_t output_in(const char *lines, size_t length) {
  uint64_t bytes = 0;
  while (length > 0) {
    const char *end = memchr(lines, '\n', length);
    if (end == NULL) break;
    size_t line = (size_t)(end - lines) + 1;
    bytes += line - HEADER_BYTES - (lines[HEADER_BYTES - 2] == 'F' ? 0 : 1);
    lines += line;
    length -= line;
  }
  return bytes;
}

/* Writes the batch. Of a write that stops midway only whole lines stay, the rest is counted as lost. */
static void flush(struct log *log) {
  struct log_file *file = &log->files[0];
  if (log->batched == 0) return;
  int reason = 0;
  uint64_t before = file->size;
  size_t written = log_file_write(file, log->directory, log->batch, log->batched, &reason);
  size_t kept = written;
  if (written < log->batched) {
    const char *end = memrchr(log->batch, '\n', written);
    kept = end == NULL ? 0 : (size_t)(end - log->batch) + 1;
    if (file->descriptor >= 0) log_file_cut(file, before + kept);
  }
  if (log->marked > 0 && kept >= log->marked) log->lost = 0;
  size_t from = kept < log->marked ? log->marked : kept;
  if (from < log->batched) lose(log, output_in(log->batch + from, log->batched - from), reason);
  log->batched = log->marked = 0;
}

/* Room for one more line of the log: in the batch, and in the file by its bound. */
static char *room(struct log *log, size_t line) {
  struct log_file *file = &log->files[0];
  uint64_t size = file->size + log->batched;
  if (log->max_bytes > 0 && size > 0 && size + line > log->max_bytes) {
    flush(log);
    if (file->size > 0 && file->size + line > log->max_bytes) log_file_rotate(file, log->directory, log->max_files);
  }
  if (log->batched + line > BATCH_BYTES) flush(log);
  return log->batch + log->batched;
}

/* The front of every line of one chunk: `2016-10-06T00:17:09.669794202Z stdout F `. */
static void header(char out[HEADER_BYTES], int stream) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct text text = {.bytes = out, .capacity = HEADER_BYTES};
  text_time(&text, &now);
  text_add(&text, stream == 1 ? " stdout F " : " stderr F ");
}

/* Says in front of the next line what is missing before it. */
static void mark_loss(struct log *log) {
  char line[MARK_BYTES], front[HEADER_BYTES];
  struct text text = {.bytes = line, .capacity = sizeof line};
  header(front, 2);
  text_bytes(&text, front, HEADER_BYTES);
  text_add(&text, "isopod: ");
  text_number(&text, log->lost);
  text_add(&text, " bytes of log lost: ");
  text_errno(&text, log->reason);
  text_add(&text, "\n");
  char *at = room(log, text.length);
  memcpy(at, line, text.length);
  log->batched = log->marked = text.length;
}

static void write_cri(struct log *log, int stream, const char *bytes, size_t length) {
  char front[HEADER_BYTES];
  header(front, stream);
  while (length > 0) {
    if (log->lost > 0 && log->batched == 0) mark_loss(log);
    size_t window = length < LINE_BYTES ? length : LINE_BYTES;
    const char *newline = memchr(bytes, '\n', window);
    size_t text = newline == NULL ? window : (size_t)(newline - bytes);
    char *at = room(log, HEADER_BYTES + text + 1);
    memcpy(at, front, HEADER_BYTES);
    if (newline == NULL) at[HEADER_BYTES - 2] = 'P';
    memcpy(at + HEADER_BYTES, bytes, text);
    at[HEADER_BYTES + text] = '\n';
    log->batched += HEADER_BYTES + text + 1;
    size_t taken = newline == NULL ? text : text + 1;
    bytes += taken;
    length -= taken;
  }
  flush(log);
}

/* How much of the bytes goes into this file: to its bound, and if possible to the end of a line before that. */
static size_t raw_portion(const struct log *log, const struct log_file *file, const char *bytes, size_t length) {
  if (log->max_bytes == 0 || file->size + length <= log->max_bytes) return length;
  if (file->size >= log->max_bytes) return 0;
  size_t space = (size_t)(log->max_bytes - file->size);
  const char *end = memrchr(bytes, '\n', space);
  if (end != NULL) return (size_t)(end - bytes) + 1;
  return file->size > 0 ? 0 : space;
}

static void write_raw(struct log *log, int stream, const char *bytes, size_t length) {
  struct log_file *file = &log->files[stream - 1];
  int rotated = 0;
  while (length > 0) {
    size_t portion = raw_portion(log, file, bytes, length);
    if (portion == 0 && rotated) {   /* the old file stays in the way, whatever we do */
      lose(log, length, EFBIG);
      return;
    }
    rotated = portion == 0;
    if (rotated) {
      log_file_rotate(file, log->directory, log->max_files);
      continue;
    }
    int reason = 0;
    size_t written = log_file_write(file, log->directory, bytes, portion, &reason);
    if (written < portion) lose(log, portion - written, reason);
    bytes += portion;
    length -= portion;
  }
}

void log_write(struct log *log, int stream, const char *bytes, size_t length) {
  if (log->format == LOG_FORMAT_RAW) write_raw(log, stream, bytes, length);
  if (log->format != LOG_FORMAT_CRI) return;
  if (log->batch == NULL) log->batch = pages_take(BATCH_BYTES);
  if (log->batch == NULL) lose(log, length, ENOMEM);
  else write_cri(log, stream, bytes, length);
}
