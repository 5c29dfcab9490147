import { type Body, Skipped, type Suite, type TestCase, type TestContext } from './tree.ts';

/** One test as vitest's JSON reporter tells it. */
export interface Assertion {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly duration: number;
  readonly failureMessages: readonly string[];
}

const HOOK_TIMEOUT_MS = 300_000;

const CONTEXT: TestContext = {
  skip: (note) => {
    throw new Skipped(note);
  },
};

/** Runs the tests of a suite in order, one after the other. @param tell is called as soon as one has ended */
export async function runSuite(suite: Suite, tell: (assertion: Assertion) => void): Promise<void> {
  await runLevel(suite, { path: [], before: [], after: [], tell });
}

interface Level {
  readonly path: readonly string[];
  /** Of all suites around, outermost first. */
  readonly before: readonly Body[];
  /** Innermost first. */
  readonly after: readonly Body[];
  readonly tell: (assertion: Assertion) => void;
}

async function runLevel(suite: Suite, outer: Level): Promise<void> {
  const path = suite.name === '' ? outer.path : [...outer.path, suite.name];
  const { hooks } = suite;
  const level: Level = {
    ...{ path, tell: outer.tell },
    before: [...outer.before, ...hooks.beforeEach],
    after: [...hooks.afterEach.toReversed(), ...outer.after],
  };
  if (!hasWork(suite)) return tellAll(suite, level, 'skipped', []);
  const fault = await firstFault(hooks.beforeAll);
  if (fault !== undefined) tellAll(suite, level, 'failed', [fault]);
  else {
    for (const child of suite.children) {
      if (child.kind === 'suite') await runLevel(child, level);
      else await runTest(child, level);
    }
  }
  const endFault = await firstFault(hooks.afterAll.toReversed());
  if (endFault !== undefined) {
    level.tell({
      fullName: [...path, 'ends in order'].join(' '),
      status: 'failed',
      duration: 0,
      failureMessages: [endFault],
    });
  }
}

async function runTest(test: TestCase, { path, before, after, tell }: Level): Promise<void> {
  const fullName = [...path, test.name].join(' ');
  if (test.skipped) return tell({ fullName, status: 'skipped', duration: 0, failureMessages: [] });
  const start = performance.now();
  const first = await attempt(test, before, after);
  const last = first.status === 'failed' ? await attempt(test, before, after) : first;
  // One that passed after all says why it did not at first, as vitest does.
  const failureMessages = first === last ? first.failureMessages : [...first.failureMessages, ...last.failureMessages];
  tell({ fullName, status: last.status, duration: Math.round(performance.now() - start), failureMessages });
}

/** Runs a test once, with its hooks. */
async function attempt(
  test: TestCase,
  before: readonly Body[],
  after: readonly Body[],
): Promise<Pick<Assertion, 'status' | 'failureMessages'>> {
  const faults = [await firstFault(before)];
  let skipped = false;
  if (faults[0] === undefined) {
    const body = async (): Promise<void> => {
      try {
        await test.body(CONTEXT);
      } catch (error) {
        if (!(error instanceof Skipped)) throw error;
        skipped = true;
      }
    };
    faults.push(await faultOf(body, test.timeoutMs));
  }
  faults.push(await firstFault(after));
  const failureMessages = faults.filter((fault) => fault !== undefined);
  return { status: failureMessages.length > 0 ? 'failed' : skipped ? 'skipped' : 'passed', failureMessages };
}

function hasWork(suite: Suite): boolean {
  return suite.children.some((child) => (child.kind === 'test' ? !child.skipped : hasWork(child)));
}

function tellAll(suite: Suite, level: Level, status: 'failed' | 'skipped', failureMessages: readonly string[]): void {
  for (const child of suite.children) {
    const path = [...level.path, child.name];
    if (child.kind === 'suite') tellAll(child, { ...level, path }, status, failureMessages);
    else
      level.tell({
        fullName: path.join(' '),
        status: child.skipped ? 'skipped' : status,
        duration: 0,
        failureMessages,
      });
  }
}

/** Runs hooks until one fails. */
async function firstFault(bodies: readonly Body[]): Promise<string | undefined> {
  for (const body of bodies) {
    const fault = await faultOf(body, HOOK_TIMEOUT_MS);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** @returns why it failed, with what was expected and what was there */
async function faultOf(body: () => unknown, timeoutMs: number): Promise<string | undefined> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([body(), late]);
    return undefined;
  } catch (error) {
    return describeFault(error);
  } finally {
    clearTimeout(timer);
  }
}

function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { actual, expected } = error as { readonly actual?: unknown; readonly expected?: unknown };
  const compared =
    actual === undefined && expected === undefined
      ? ''
      : `\nexpected: ${JSON.stringify(expected, null, 1)}\nactual:   ${JSON.stringify(actual, null, 1)}`;
  return `${error.stack ?? error.message}${compared}`;
}
