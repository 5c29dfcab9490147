/* Prints how many thousand times a second the time stamp counter ticks: a guest of ours has no other clock to measure it by. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

int main(void) {
    const uint64_t start_ns = now_ns();
    const uint64_t start_ticks = __rdtsc();
    uint64_t elapsed_ns = 0;
    while (elapsed_ns < 100000000U) elapsed_ns = now_ns() - start_ns;
    printf("%llu\n", (unsigned long long)((__rdtsc() - start_ticks) * 1000000U / elapsed_ns));
    return 0;
}
