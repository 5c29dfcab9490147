/** What a body of a hook is. */
export type Body = () => unknown;

/** What a test is given. */
export interface TestContext {
  /** Ends the test, which counts as skipped. */
  skip(note?: string): never;
}

/** A test ended itself; not a fault. */
export class Skipped extends Error {}

export interface Hooks {
  readonly beforeAll: Body[];
  readonly afterAll: Body[];
  readonly beforeEach: Body[];
  readonly afterEach: Body[];
}

export interface TestCase {
  readonly kind: 'test';
  readonly name: string;
  readonly body: (context: TestContext) => unknown;
  readonly skipped: boolean;
  readonly timeoutMs: number;
}

export interface Suite {
  readonly kind: 'suite';
  readonly name: string;
  readonly skipped: boolean;
  readonly hooks: Hooks;
  readonly children: (Suite | TestCase)[];
}

export function newSuite(name: string, skipped: boolean): Suite {
  const hooks = { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] };
  return { kind: 'suite', name, skipped, hooks, children: [] };
}

/** The suite that `describe`, `test` and the hooks add to just now. One process collects one file at a time. */
export class Collector {
  #current: Suite | undefined;

  get current(): Suite {
    if (this.#current === undefined) throw new Error('tests and hooks are declared while a file is loaded');
    return this.#current;
  }

  /** What `declare` declares becomes part of `suite`. */
  async collect(suite: Suite, declare: () => unknown): Promise<void> {
    this.#current = suite;
    try {
      await declare();
    } finally {
      this.#current = undefined;
    }
  }

  /** A suite inside the current one. */
  nest(name: string, skipped: boolean, declare: () => unknown): void {
    const outer = this.current;
    const suite = newSuite(name, skipped || outer.skipped);
    outer.children.push(suite);
    this.#current = suite;
    try {
      declare();
    } finally {
      this.#current = outer;
    }
  }
}
