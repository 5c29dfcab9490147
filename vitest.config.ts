import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Unit, contract and golden tests: no root, no kernel features. */
export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'tools/**/*.test.ts',
      'test/simulation/**/*.test.ts',
      'test/vm/runner/**/*.test.ts',
      'test/vm/support/**/*.test.ts',
    ],
    pool: 'threads',
    isolate: false,
    // All of them: what is checked beside the tests is done long before the simulation.
    maxWorkers: availableParallelism(),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
