import { defineConfig } from 'vitest/config';

/** Kernel and end-to-end tests: root, one file at a time, on the real host. */
export default defineConfig({
  test: {
    include: ['test/kernel/**/*.test.ts', 'test/attacks/**/*.test.ts', 'test/e2e/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    // A host under load now and then delays what a test waits for; one more attempt is named in the summary (ADR 0096).
    retry: 1,
    hookTimeout: 600_000,
  },
});
