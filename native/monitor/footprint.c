/*
 * Thousands of monitors sleep on a host. What the launch alone needed is given back before the long wait: pages of code
 * and constants come again from the page cache when they are touched, the unused stack comes again as zeros.
 */
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor.h"

#define MAX_SEGMENTS 16
#define STACK_BYTES (64 * 1024)

#ifdef __SANITIZE_ADDRESS__
void footprint_shrink(void) {}     /* the sanitizer keeps notes about the stack that would then be wrong */
#else

/* Set by the linker: where this image was loaded. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Only what is never written: a written page would lose its relocations. */
static void forget_image(uintptr_t page) {
  uintptr_t base = (uintptr_t)&__ehdr_start;
  /* A fixed image's addresses are absolute, a position-independent one's are offsets. */
  uintptr_t offset = __ehdr_start.e_type == ET_DYN ? base : 0;
  ElfW(Phdr) header[MAX_SEGMENTS];       /* a copy, for the headers' own page goes too */
  int count = __ehdr_start.e_phnum < MAX_SEGMENTS ? __ehdr_start.e_phnum : MAX_SEGMENTS;
  memcpy(header, (const void *)(base + __ehdr_start.e_phoff), (size_t)count * sizeof *header);
  for (int i = 0; i < count; i++) {
    if (header[i].p_type != PT_LOAD || (header[i].p_flags & PF_W) != 0) continue;
    uintptr_t start = header[i].p_vaddr + offset;
    uintptr_t end = start + header[i].p_memsz;
    start &= ~(page - 1);
    madvise((void *)start, ((end + page - 1) & ~(page - 1)) - start, MADV_DONTNEED);
  }
}

void footprint_shrink(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  char here;
  forget_image(page);
  /* One page stays between us and what is dropped, for the call itself. */
  uintptr_t end = ((uintptr_t)&here & ~(page - 1)) - page;
  madvise((void *)(end - STACK_BYTES), STACK_BYTES, MADV_DONTNEED);
}
#endif
