import { defineConfig } from 'vitest/config';

/** Unit, contract and golden tests: no root, no kernel features. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'test/simulation/**/*.test.ts', 'test/vm/runner/**/*.test.ts'],
    pool: 'threads',
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
