import { expect } from 'vitest';
import { footprint, instanceOf } from './footprint.ts';
import { type Installation, type Result, until } from './installation.ts';

/** How long what was begun may take to be taken back after the answer. */
const SETTLE_MS = 15_000;
/** The agent keeps so many at hand (main/compose-engine.ts); just now they may have been used up. */
const IDLE_WORKERS = 2;

export interface Refusal {
  readonly code: number;
  /** Each must stand in the message: the thing, the value, the remedy. */
  readonly says: readonly string[];
}

/**
 * Runs what must be refused, and checks that the message says what it must, in our own words and not in Node's, and
 * that nothing is left: groups, mounts, processes, namespaces, files are as before.
 */
export async function expectRefused(
  isopod: Installation,
  act: () => Promise<Result>,
  { code, says }: Refusal,
): Promise<Result> {
  const before = footprint(isopod);
  const result = await act();
  for (const text of says) expect(result.stderr).toContain(text);
  expect(result.stderr).toMatch(/^isopod: |\nisopod: /);
  expect(result.stderr).not.toMatch(/\n +at |node:internal|undefined|\[object/);
  expect(result.code).toBe(code);
  await expectSame(isopod, before);
  return result;
}

/** Waits until everything is as it was; a difference is shown as such. */
export async function expectSame(isopod: Installation, before: ReturnType<typeof footprint>): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    try {
      const now = footprint(isopod);
      expect({ ...now, idle: 0 }).toEqual({ ...before, idle: 0 });
      expect(now.idle).toBeLessThanOrEqual(before.idle + IDLE_WORKERS);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/**
 * Waits until the agent has taken away what it no longer lists: the answer to a run comes before the removal of what
 * it leaves.
 */
export async function settle(isopod: Installation): Promise<void> {
  const known = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean).sort();
  await until('ended containers are gone', () => {
    const { files, cgroups, processes } = footprint(isopod);
    const uids = [...files, ...cgroups, ...processes].flatMap((text) => /\b[0-9a-f]{12}\b$/.exec(text)?.[0] ?? []);
    return uids.every((uid) => known.includes(uid) || uid === instanceOf(isopod.root).slice('isopod-'.length));
  });
}
