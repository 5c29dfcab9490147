/*
 * driver --seconds N [--seed S] FILE...: runs a target over files, then over changed copies of them until the time is up.
 * A copy that reached code which none before it had reached is kept and changed further (-fsanitize-coverage=trace-pc). The
 * input at which a sanitizer stopped is written to `crash`.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_BYTES (1u << 18)
#define MAX_KEPT 4096
#define MAP_BITS 16

void __sanitizer_cov_trace_pc(void);
void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
  uint8_t *bytes;
  size_t size;
};

static struct input kept[MAX_KEPT];
static size_t kept_count;
static struct input present;
static unsigned char reached[1u << MAP_BITS];
static uint32_t fresh;

/* Called at every edge of the code under test. */
__attribute__((no_sanitize("all"))) void __sanitizer_cov_trace_pc(void) {
  uintptr_t at = (uintptr_t)__builtin_return_address(0);
  uint32_t slot = (uint32_t)((at * 2654435761u) >> (32 - MAP_BITS)) & ((1u << MAP_BITS) - 1);
  if (reached[slot] == 0) fresh++;
  reached[slot] = 1;
}

uint32_t fuzz_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void save_crash(void) {
  int file = open("crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file >= 0 && write(file, present.bytes, present.size) == (ssize_t)present.size) close(file);
}

static void on_abort(int number) {
  save_crash();
  signal(number, SIG_DFL);
  raise(number);
}

static void die(const char *what) {
  fprintf(stderr, "driver: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* Runs one input, which is kept when it reached something new. */
static void run(const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size == 0 ? 1 : size);
  if (copy == NULL) die("malloc");
  memcpy(copy, bytes, size);
  present = (struct input){ copy, size };
  fresh = 0;
  LLVMFuzzerTestOneInput(copy, size);
  if (fresh > 0 && kept_count < MAX_KEPT) kept[kept_count++] = present;
  else free(copy);
}

static void run_file(const char *path) {
  static uint8_t bytes[MAX_BYTES];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) die(path);
  ssize_t size = read(file, bytes, sizeof bytes);
  if (size < 0) die(path);
  close(file);
  run(bytes, (size_t)size);
}

/* Lengths, counts and limits are where decoders err. */
static void put_number(uint8_t *bytes, size_t size, uint32_t *state) {
  static const uint32_t numbers[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };
  uint32_t number = numbers[fuzz_random(state) % (sizeof numbers / sizeof *numbers)];
  size_t at = fuzz_random(state) % size;
  memcpy(bytes + at, &number, size - at < sizeof number ? size - at : sizeof number);
}

/* Cuts, doubles or joins two inputs, or leaves the size; then changes bytes. @return the new size */
static size_t make_input(uint8_t *bytes, uint32_t *state) {
  const struct input *first = &kept[fuzz_random(state) % kept_count], *second = &kept[fuzz_random(state) % kept_count];
  size_t size = first->size;
  memcpy(bytes, first->bytes, size);
  uint32_t how = fuzz_random(state) % 8;
  if (how == 0 && size > 0) size = fuzz_random(state) % size;
  if (how == 1) {
    size_t at = size == 0 ? 0 : fuzz_random(state) % size, from = second->size == 0 ? 0 : fuzz_random(state) % second->size;
    size_t added = second->size - from < MAX_BYTES - at ? second->size - from : MAX_BYTES - at;
    memcpy(bytes + at, second->bytes + from, added);
    size = at + added;
  }
  if (size == 0) return 0;
  if (how == 2) put_number(bytes, size, state);
  else fuzz_change(bytes, size, state);
  return size;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **words) {
  static uint8_t bytes[MAX_BYTES];
  double seconds = 0;
  uint32_t state = 2463534242u, inputs = 0;
  int first = 1;
  for (; first + 1 < count && strncmp(words[first], "--", 2) == 0; first += 2) {
    if (strcmp(words[first], "--seconds") == 0) seconds = atof(words[first + 1]);
    else if (strcmp(words[first], "--seed") == 0) state = (uint32_t)strtoul(words[first + 1], NULL, 10) | 1;
    else die(words[first]);
  }
  signal(SIGABRT, on_abort);
  signal(SIGPIPE, SIG_IGN);
  __sanitizer_set_death_callback(save_crash);
  for (int i = first; i < count; i++) run_file(words[i]);
  if (kept_count == 0) run((const uint8_t *)"", 0);
  for (double end = seconds_now() + seconds; seconds_now() < end; inputs++) run(bytes, make_input(bytes, &state));
  printf("%d files, %u inputs, %zu kept\n", count - first, inputs, kept_count);
  return 0;
}
