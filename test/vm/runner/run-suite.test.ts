import { expect, test } from 'vitest';
import { type Assertion, runSuite } from './run-suite.ts';
import { newSuite } from './tree.ts';
import * as api from './vitest-api.ts';

/** What a file with these declarations would tell. */
async function told(declare: () => void): Promise<readonly Assertion[]> {
  const suite = newSuite('', false);
  await api.collector.collect(suite, declare);
  const assertions: Assertion[] = [];
  await runSuite(suite, (assertion) => assertions.push(assertion));
  return assertions;
}
const brief = (assertions: readonly Assertion[]) => assertions.map(({ fullName, status }) => `${status} ${fullName}`);

test('hooks run around each test, outermost first and last, and tests run in order', async () => {
  const order: string[] = [];
  const note = (what: string) => () => order.push(what);
  await told(() => {
    api.beforeAll(note('all+'));
    api.afterAll(note('all-'));
    api.beforeEach(note('each+'));
    api.afterEach(note('each-'));
    api.describe('inner', () => {
      api.beforeEach(note('inner+'));
      api.afterEach(note('inner-'));
      api.test('one', note('one'));
    });
    api.test('two', note('two'));
  });
  expect(order.join(' ')).toBe('all+ each+ inner+ one inner- each- each+ two each- all-');
});

test('a test fails by what it throws, by a hook, and by its deadline', async () => {
  const assertions = await told(() => {
    api.test('throws', () => api.expect(1).toBe(2));
    api.test('hangs', () => new Promise(() => {}), 1);
    api.describe('hook', () => {
      api.afterEach(() => {
        throw new Error('left behind');
      });
      api.test('leaves something', () => {});
    });
    api.test('is well', () => {});
  });
  expect(brief(assertions)).toEqual([
    'failed throws',
    'failed hangs',
    'failed hook leaves something',
    'passed is well',
  ]);
  expect(assertions[0]?.failureMessages[0]).toContain('expected: 2\nactual:   1');
  expect(assertions[2]?.failureMessages[0]).toContain('left behind');
});

test('a test that failed is tried once more, and says why if it passes then', async () => {
  let attempts = 0;
  const assertions = await told(() => {
    api.test('slow at first', () => {
      attempts += 1;
      if (attempts === 1) throw new Error('too late');
    });
    api.test('never', () => {
      attempts += 1;
      throw new Error('wrong');
    });
  });
  expect(brief(assertions)).toEqual(['passed slow at first', 'failed never']);
  expect(assertions[0]?.failureMessages[0]).toContain('too late');
  expect(attempts).toBe(4);
});

test('when beforeAll fails every test of its suite fails, and afterAll still runs', async () => {
  let cleaned = false;
  const assertions = await told(() => {
    api.beforeAll(() => Promise.reject(new Error('no host')));
    api.afterAll(() => {
      cleaned = true;
    });
    api.test('one', () => {});
    api.describe('inner', () => api.test('two', () => {}));
  });
  expect(brief(assertions)).toEqual(['failed one', 'failed inner two']);
  expect(cleaned).toBe(true);
});

test('an afterAll that fails is a failure of its own', async () => {
  const assertions = await told(() => {
    api.afterAll(() => Promise.reject(new Error('left behind')));
    api.test('one', () => {});
  });
  expect(brief(assertions)).toEqual(['passed one', 'failed ends in order']);
});

test('what is skipped, from outside or by itself, is told as such', async () => {
  const assertions = await told(() => {
    api.describe.skipIf(true)('outer', () => api.test('one', () => api.expect(1).toBe(2)));
    api.test.skipIf(false)('two', () => {});
    api.test('three', ({ skip }) => skip('no device'));
  });
  expect(brief(assertions)).toEqual(['skipped outer one', 'passed two', 'skipped three']);
});

test('rows are named and given as vitest does', async () => {
  const given: unknown[] = [];
  const assertions = await told(() => {
    api.test.each([
      ['a', 1],
      ['b', 2],
    ])('%s is %i', (...values) => given.push(values));
    api.test.each([{ what: 'x', inner: { y: 3 } }])('$what of $inner.y', (row) => given.push(row));
    api.test.for([['c', 3]])('%j', (row) => given.push(row));
    api.test.each(['plain'])('%j', (value) => given.push(value));
  });
  expect(brief(assertions)).toEqual([
    'passed a is 1',
    'passed b is 2',
    'passed x of 3',
    'passed "c"',
    'passed "plain"',
  ]);
  expect(given).toEqual([['a', 1], ['b', 2], { what: 'x', inner: { y: 3 } }, ['c', 3], 'plain']);
});
