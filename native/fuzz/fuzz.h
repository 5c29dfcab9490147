/*
 * What a fuzz target offers and uses. `LLVMFuzzerTestOneInput` is what libFuzzer calls, where clang is at hand; driver.c
 * calls it too, with gcc alone.
 */
#ifndef ISOPOD_FUZZ_H
#define ISOPOD_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Changes an input in place, in a way that gets past the target's first checks; `size` is not 0. */
void fuzz_change(uint8_t *data, size_t size, uint32_t *state);
/* The same numbers in every run that starts from the same state, which is not 0 (xorshift). */
uint32_t fuzz_random(uint32_t *state);

#endif
