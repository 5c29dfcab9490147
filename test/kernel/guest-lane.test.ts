/** Guests of `npm run test:vm` end with what runs them, whichever way that ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isAlive } from './support/helper-client.ts';

const VM = join(import.meta.dirname, '..', 'vm');
const IMAGES = join(import.meta.dirname, '..', '..', '.build', 'vm', '*', 'root.ext4');
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
/** A name is cut to 15 characters there. */
const BACK_ENDS = [
  { lane: 'quick', name: 'linux.uml', there: has('linux.uml') && has('busybox') },
  { lane: 'full', name: 'qemu-system-x86', there: has('qemu-system-x86_64') && globSync(IMAGES).length > 0 },
] as const;

/** Tests are bundled and a guest is started meanwhile, on a machine that may be busy. */
const DEADLINE_MS = 240_000;
const POLL_MS = 20;

let started: ChildProcess | undefined;
afterEach(() => void started?.kill('SIGKILL'));

/** Pids of all below a process, by name. */
function below(pid: number): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const child of childrenOf(pid)) {
    found.set(child, textOf(`/proc/${child}/comm`));
    for (const [inner, name] of below(child)) found.set(inner, name);
  }
  return found;
}

function childrenOf(pid: number): readonly number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((path) =>
    textOf(path).split(' ').filter(Boolean).map(Number),
  );
}

/** What a file of a process says, which may be gone by now. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** @returns what it ended with, once it has, and all that was below it when the signal came is gone */
async function endedBy(signal: NodeJS.Signals, child: ChildProcess, inside: string): Promise<number | string> {
  const pid = child.pid ?? 0;
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, name) => resolve(code ?? name ?? ''));
  });
  await until(`${inside} runs`, () => [...below(pid).values()].includes(inside));
  const family = [...below(pid).keys()];
  child.kill(signal);
  const end = await ended;
  await until('all below it are gone', () => !family.some(isAlive));
  return end;
}

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
  ['SIGKILL', 'SIGKILL'],
] as const)('a guest ends with a lane that is ended by %s', async (signal, end) => {
  const program = `
    import { runGuest } from ${JSON.stringify(join(VM, 'run-guest.ts'))};
    const { interrupted } = await runGuest(['sh', '-c', 'sleep 1000 & wait'], 600_000);
    process.exit(interrupted);
  `;
  started = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], { stdio: 'inherit' });
  expect(await endedBy(signal, started, 'sleep')).toBe(end);
});

describe.each(BACK_ENDS)('the guest of the lane $lane', ({ lane, name, there }) => {
  const ends = async (): Promise<void> => {
    const words = [join(VM, 'run-lane.ts'), lane, 'test/vm/rights.test.ts'];
    started = spawn(process.execPath, words, { stdio: 'ignore' });
    expect(await endedBy('SIGTERM', started, name)).toBe(143);
  };
  test.skipIf(!there)(`ends with it: no ${name} is left`, ends, 2 * DEADLINE_MS);
});
