import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../kernel/support/helper-client.ts';
import { logged } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Running } from './support/arena.ts';

const CATCH = join(import.meta.dirname, '../../native/test/catch.c');
/** Sessions that may be needed until one is caught in the right moment. */
const RACES = 200;
/** Sessions that are caught, each at some moment of its own, before there is said to be nothing to catch. */
const CAUGHT = 20;

/** CVE-2016-9962, by who may trace everything: not being dumpable does not stop CAP_SYS_PTRACE. */
describe.skipIf(!PlannedHost.isPossible)('C1, sessions in a container that may trace', () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-catch-'));
  const program = join(directory, 'catch');
  let weak: Arena;
  let arena: Arena;
  beforeAll(async () => {
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', program, CATCH]);
    weak = await Arena.open(['LATE_APPEARANCE']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await arena.close();
    rmSync(directory, { recursive: true });
  });

  const capabilitiesOf = (pid: number): string =>
    /^CapEff:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

  /** The rights of what was caught, as the attacker saw them: `WAY PID CAPABILITIES`. */
  const caught = (target: Running): readonly string[] =>
    [...logged(target.values).matchAll(/^(?:mem|trace) \d+ ([0-9a-f]{16})$/gm)].map(([, rights]) => rights ?? '');

  /** Starts sessions beside an attacker with CAP_SYS_PTRACE until enough is caught. */
  async function race(where: Arena, isEnough: (rights: readonly string[], own: string) => boolean) {
    const rootfs = where.rootfs((path) => copyFileSync(program, join(path, 'catch')));
    const target = await where.start(['/catch', '/none', 'tight'], {
      rootfs,
      security: { capabilities: { add: ['SYS_PTRACE'] } },
    });
    const own = capabilitiesOf(target.pid);
    for (let count = 0; count < RACES && !isEnough(caught(target), own); count += 1) {
      const before = caught(target).length;
      const { pid, connection } = await where.host.helper.launch(where.session(target, { command: ['/bin/true'] }));
      if (where === arena) await until('it is looked at', () => caught(target).length > before);
      process.kill(pid, 'SIGKILL');
      connection.close();
    }
    const rights = caught(target);
    process.kill(target.pid, 'SIGKILL');
    return { own, rights };
  }

  test('it catches one with all the rights of the engine where that is there at once, and with us none that has more than itself', async () => {
    const without = await race(weak, (rights, own) => rights.some((each) => each !== own));
    expect(without.rights.filter((each) => each !== without.own)).not.toEqual([]);
    const { rights, own } = await race(arena, (all) => all.length >= CAUGHT);
    expect(rights.length).toBeGreaterThanOrEqual(CAUGHT);
    expect(new Set(rights)).toEqual(new Set([own]));
  });
});
