import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { namespaceFlags } from '../../src/linux/namespace-flags.ts';
import { step } from '../../src/model/wire.ts';
import { type EncodedLaunch, encodeLaunch } from '../../src/plan/encode.ts';
import { until } from '../kernel/support/helper-client.ts';
import { logged } from '../kernel/support/launches.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Running } from './support/arena.ts';

const CATCH = join(import.meta.dirname, '../../native/test/catch.c');
const PID = namespaceFlags(['pid']);
/** What a process of ours has before it gives its rights up is more than what a container has. */
const GRANTED = '00000000000005fb';
/** Launches that may be needed until one is looked at in the right moment. */
const RACES = 200;

/** CVE-2016-9962: what joins a container is ours for a moment, and whoever is in there looks at it. */
describe.skipIf(!PlannedHost.isPossible)('C1, processes of ours that join a container', () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-catch-'));
  const program = join(directory, 'catch');
  const marker = join(directory, 'of-the-host');
  let weak: Arena;
  let arena: Arena;
  beforeAll(async () => {
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', program, CATCH]);
    writeFileSync(marker, 'secret');
    weak = await Arena.open(['UNTRACEABLE']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await arena.close();
    rmSync(directory, { recursive: true });
  });

  /** A container that looks for ways into each process that appears beside it. */
  function attacker(where: Arena, how: readonly string[], add: readonly string[] = []): Promise<Running> {
    const rootfs = where.rootfs((path) => copyFileSync(program, join(path, 'catch')));
    return where.start(['/catch', marker, ...how], { rootfs, security: { capabilities: { add } } });
  }

  /** What `run --pid container:ID` encodes: born in the pid namespace of the other, not in one of its own. */
  async function joiner(where: Arena, { pid, startTime }: Running): Promise<EncodedLaunch> {
    const { plan, channel } = await where.host.plan({ command: ['/bin/sleep', '1000'], rootfs: where.rootfs() });
    const encoded = encodeLaunch(plan, channel);
    const enter = step('attack', 'enter-namespaces', { pid, startTime, flags: PID });
    return { ...encoded, cloneFlags: Number(encoded.cloneFlags) & ~PID, hostSteps: [enter, ...encoded.hostSteps] };
  }

  const waysInto = (running: Running): readonly string[] =>
    [...logged(running.values).matchAll(/^(\w+) \d+ \w+$/gm)].map(([, way]) => way ?? '').sort();
  const rounds = (running: Running): number => logged(running.values).match(/^round$/gm)?.length ?? 0;

  /** Holds a process of ours at the start barrier, with its rights given up, until it was looked at twice. */
  async function held(where: Arena, launch: (target: Running) => Promise<EncodedLaunch>): Promise<readonly string[]> {
    const target = await attacker(where, []);
    const { pid } = await where.host.helper.launch(await launch(target));
    const before = rounds(target);
    await until('it was looked at', () => rounds(target) > before + 2);
    const ways = waysInto(target);
    for (const each of [pid, target.pid]) process.kill(each, 'SIGKILL');
    return ways;
  }

  test.each([
    ['a container that joins its processes', joiner],
    ['a session', async (where: Arena, target: Running) => where.session(target, { command: ['/bin/sleep', '1000'] })],
  ] as const)(
    '%s is open to a container with the same rights where it can be traced, and not with us',
    async (_, launch) => {
      expect(await held(weak, (target) => launch(weak, target))).toEqual(['exe', 'fd', 'mem', 'trace']);
      expect(await held(arena, (target) => launch(arena, target))).toEqual([]);
    },
  );

  test('who may trace everything finds the host in a process that joins, which is why the engine refuses it', async () => {
    const target = await attacker(arena, ['tight'], ['SYS_PTRACE']);
    const caught = () =>
      logged(target.values)
        .split('\n')
        .filter((line) => line.startsWith('root '));
    for (let race = 0; race < RACES && caught().length === 0; race += 1) {
      const { pid, connection } = await arena.host.helper.launch(await joiner(arena, target));
      process.kill(pid, 'SIGKILL');
      connection.close();
    }
    expect(caught()[0]).toMatch(/^root \d+ /);
    expect(caught()[0]).not.toContain(GRANTED);
    process.kill(target.pid, 'SIGKILL');
  });
});
