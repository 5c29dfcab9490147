import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../kernel/support/helper-client.ts';
import { logged } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Running } from './support/arena.ts';

const PROGRAMS = ['catch', 'seek'] as const;
const SOURCES = join(import.meta.dirname, '../../native/test');
const TICKET = 'what the owner of the session shows';
/** Sessions that may be needed until one is caught in the right moment. */
const RACES = 200;
/** Sessions that are caught, each at some moment of its own, before there is said to be nothing to catch. */
const CAUGHT = 20;

/** CVE-2016-9962, by who may trace everything: not being dumpable does not stop CAP_SYS_PTRACE. */
describe.skipIf(!PlannedHost.isPossible)('C1, sessions in a container that may trace', () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-catch-'));
  let weak: Arena;
  let telling: Arena;
  let arena: Arena;
  beforeAll(async () => {
    for (const name of PROGRAMS) {
      const words = ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', join(directory, name)];
      execFileSync('gcc', [...words, join(SOURCES, `${name}.c`)]);
    }
    weak = await Arena.open(['LATE_APPEARANCE']);
    telling = await Arena.open(['FORGOTTEN_REQUEST']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await telling.close();
    await arena.close();
    rmSync(directory, { recursive: true });
  });

  function attacker(where: Arena, command: readonly string[]): Promise<Running> {
    const rootfs = where.rootfs((path) => {
      for (const name of PROGRAMS) copyFileSync(join(directory, name), join(path, name));
    });
    return where.start(command, { rootfs, security: { capabilities: { add: ['SYS_PTRACE'] } } });
  }

  const capabilitiesOf = (pid: number): string =>
    /^CapEff:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

  /** The rights of what was caught, as the attacker saw them: `WAY PID CAPABILITIES`. */
  const caught = (target: Running): readonly string[] =>
    [...logged(target.values).matchAll(/^(?:mem|trace) \d+ ([0-9a-f]{16})$/gm)].map(([, rights]) => rights ?? '');

  /** Starts sessions beside an attacker with CAP_SYS_PTRACE until enough is caught. */
  async function race(where: Arena, isEnough: (rights: readonly string[], own: string) => boolean) {
    const target = await attacker(where, ['/catch', '/none', 'tight']);
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

  /** What is found in the memory of a session that waits for its start. */
  async function sought(where: Arena): Promise<readonly string[]> {
    const target = await attacker(where, ['/seek', TICKET]);
    const encoded = where.session(target, { command: ['/bin/true'] });
    const { pid } = await where.host.helper.launch({ ...encoded, ownerTicket: Buffer.from(TICKET) });
    const told = () => [...logged(target.values).matchAll(/^(found|clean) \d+$/gm)].map(([, what]) => what ?? '');
    await until('it was looked at', () => told().length > 2);
    for (const each of [pid, target.pid]) process.kill(each, 'SIGKILL');
    return [...new Set(told())];
  }

  test('it finds the ticket of its owner in a session that was told, and with us nothing is left of it', async () => {
    expect(await sought(telling)).toEqual(['found']);
    expect(await sought(arena)).toEqual(['clean']);
  });

  test('what it sees has the filter of system calls already, which it could else have left out', async () => {
    const target = await attacker(arena, ['/catch', '/none']);
    const { pid } = await arena.host.helper.launch(arena.session(target, { command: ['/bin/true'] }));
    const rights = (of: number) =>
      readFileSync(`/proc/${of}/status`, 'utf8').match(/^(?:[UG]id|Groups|Cap\w+|NoNewPrivs|Seccomp\w*):.*$/gm);
    expect(rights(pid)).toEqual(rights(target.pid));
    expect(rights(pid)).toContain('Seccomp:\t2');
    for (const each of [pid, target.pid]) process.kill(each, 'SIGKILL');
  });
});
