/**
 * The part of vitest's interface that tests for the guest use. Inside the guest it stands for `vitest`, whose start alone
 * takes longer there than all tests (docs/adr/0050); `expect` is vitest's own.
 */
import { rowName } from './name-format.ts';
import { type Body, Collector, type TestContext } from './tree.ts';

export { expect } from 'vitest';

/** A launch in the guest takes a second where the host needs ten milliseconds. */
const TEST_TIMEOUT_MS = 180_000;

export const collector = new Collector();

type Declare<B> = (name: string, body: B, timeoutMs?: number) => void;
type TestBody = (context: TestContext) => unknown;
type Add = (name: string, body: TestBody, skipped: boolean, timeoutMs?: number) => void;
type Values<Row> = Row extends readonly unknown[] ? [...Row] : [Row];

interface Declarer {
  (name: string, body: TestBody, timeoutMs?: number): void;
  /** A row that is an array is spread into arguments. */
  each<const Row>(rows: readonly Row[]): Declare<(...values: Values<Row>) => unknown>;
  /** A row is one argument, the context another. */
  for<const Row>(rows: readonly Row[]): Declare<(row: Row, context: TestContext) => unknown>;
  skipIf(condition: unknown): Declarer;
  runIf(condition: unknown): Declarer;
}

function declarer(skipped: boolean, add: Add): Declarer {
  const declare = (name: string, body: TestBody, timeoutMs?: number): void => add(name, body, skipped, timeoutMs);
  const forEach: Declarer['for'] = (rows) => (name, body, timeoutMs) => {
    for (const [index, row] of rows.entries()) {
      add(rowName(name, row, index), (context) => body(row, context), skipped, timeoutMs);
    }
  };
  const each: Declarer['each'] = (rows) => (name, body, timeoutMs) => {
    const spread = body as (...values: readonly unknown[]) => unknown;
    forEach(rows)(name, (row) => spread(...(Array.isArray(row) ? row : [row])), timeoutMs);
  };
  return Object.assign(declare, {
    ...{ each, for: forEach },
    skipIf: (condition: unknown) => declarer(skipped || Boolean(condition), add),
    runIf: (condition: unknown) => declarer(skipped || !condition, add),
  });
}

export const describe = declarer(false, (name, body, skip) => {
  const declare = body as () => void;
  collector.nest(name, skip, declare);
});

export const test = declarer(false, (name, body, skip, timeoutMs = TEST_TIMEOUT_MS) => {
  const { current } = collector;
  current.children.push({ kind: 'test', name, body, skipped: skip || current.skipped, timeoutMs });
});

export const beforeAll = (body: Body): void => void collector.current.hooks.beforeAll.push(body);
export const afterAll = (body: Body): void => void collector.current.hooks.afterAll.push(body);
export const beforeEach = (body: Body): void => void collector.current.hooks.beforeEach.push(body);
export const afterEach = (body: Body): void => void collector.current.hooks.afterEach.push(body);
