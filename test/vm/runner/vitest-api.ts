/**
 * The part of vitest's interface that tests for the guest use. Inside the guest it stands for `vitest`, whose start alone
 * takes longer there than all tests (docs/adr/0050); `expect` is vitest's own.
 */
import { rowName } from './name-format.ts';
import { type Body, Collector } from './tree.ts';

export { expect } from 'vitest';

/** A launch in the guest takes a second where the host needs ten milliseconds. */
const TEST_TIMEOUT_MS = 180_000;

export const collector = new Collector();

type Declare<B> = (name: string, body: B, timeoutMs?: number) => void;
type Row<T> = T extends readonly unknown[] ? T : [T];
interface Declarer {
  (name: string, body: () => unknown, timeoutMs?: number): void;
  each<const T>(
    rows: readonly T[],
  ): Declare<(...values: Row<T> extends infer R extends unknown[] ? R : never) => unknown>;
  skipIf(condition: unknown): Declarer;
  runIf(condition: unknown): Declarer;
}

function declarer(
  skipped: boolean,
  add: (name: string, body: () => unknown, skip: boolean, ms?: number) => void,
): Declarer {
  const declare = (name: string, body: () => unknown, timeoutMs?: number): void => add(name, body, skipped, timeoutMs);
  const each: Declarer['each'] = (rows) => (name, body, timeoutMs) => {
    for (const [index, row] of rows.entries()) {
      const values = (Array.isArray(row) ? row : [row]) as never;
      add(rowName(name, row, index), () => (body as Body)(...(values as never[])), skipped, timeoutMs);
    }
  };
  return Object.assign(declare, {
    each,
    skipIf: (condition: unknown) => declarer(skipped || Boolean(condition), add),
    runIf: (condition: unknown) => declarer(skipped || !condition, add),
  });
}

export const describe = declarer(false, (name, body, skip) => collector.nest(name, skip, body));

export const test = declarer(false, (name, body, skip, timeoutMs = TEST_TIMEOUT_MS) => {
  const { current } = collector;
  current.children.push({ kind: 'test', name, body, skipped: skip || current.skipped, timeoutMs });
});

export const beforeAll = (body: Body): void => void collector.current.hooks.beforeAll.push(body);
export const afterAll = (body: Body): void => void collector.current.hooks.afterAll.push(body);
export const beforeEach = (body: Body): void => void collector.current.hooks.beforeEach.push(body);
export const afterEach = (body: Body): void => void collector.current.hooks.afterEach.push(body);
