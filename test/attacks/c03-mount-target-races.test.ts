import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena } from './support/arena.ts';

const LAUNCHES = 2000;
/** Where the kernel's own resolution is refused, and ours is in its place. */
const LAUNCHES_BY_NAMES = 400;
const SYS_OPENAT2 = 437;
/** A launch that meets the link at a bad moment may be refused, if it is for the raced path. */
const REFUSAL = /\/shared\/spot\/made .*volume\/host_path/;
/** Launches side by side. */
const LANES = 3;

/**
 * CVE-2021-30465 and its kin: while a container is launched, another one that shares a volume turns a directory on the
 * way to a mount target into a link that leads out, and back.
 */
describe.skipIf(!PlannedHost.isPossible)('C3, a race for the target of a mount', () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-race-'));
  const canary = join(directory, 'canary');
  const shared = join(directory, 'shared');
  let weak: Arena;
  let arena: Arena;
  let swapping: ChildProcess;

  beforeAll(async () => {
    weak = await Arena.open(['PATHS_RESOLVED_ONCE']);
    arena = await Arena.open();
    for (const path of [canary, shared, join(shared, 'spot')]) mkdirSync(path);
    symlinkSync(canary, join(shared, 'out'));
    const swap = join(directory, 'swap');
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', swap, join(NATIVE_TESTS, 'swap.c')]);
    swapping = spawn(swap, [join(shared, 'spot'), join(shared, 'out')], { stdio: ['pipe', 'ignore', 'inherit'] });
  });
  afterAll(async () => {
    swapping.stdin?.end();
    await new Promise((resolve) => (swapping.exitCode === null ? swapping.once('exit', resolve) : resolve(0)));
    await weak.close();
    await arena.close();
    rmSync(directory, { recursive: true });
  });

  /**
   * Launches a container with a second volume in the shared one.
   *
   * @returns how many launches it took until something was made on the host; `undefined` when nothing ever was
   */
  async function attack(where: Arena, most = LAUNCHES): Promise<number | undefined> {
    const volumes = [
      { kind: 'host-path', hostPath: shared, containerPath: '/shared', readOnly: false },
      { kind: 'host-path', hostPath: where.directory(), containerPath: '/shared/spot/made', readOnly: false },
    ] as const;
    const isolation = ['filesystem/linux', 'namespaces/pid', 'volume/host_path'];
    const request = { rootfs: where.rootfs(), volumes, isolation, command: ['/bin/echo', 'launched'] };
    const ends = new Set<string | number>();
    let launches = 0;
    const lane = async (number: number): Promise<void> => {
      const { plan } = await where.host.plan(request);
      while (launches < most && readdirSync(canary).length === 0) {
        launches += 1;
        // Without a group: one that was killed once kills whoever is born in it again (Linux 6.18).
        const encoded = { ...encodeLaunch(plan, where.host.channel(`lane-${number}`)), trackingCgroup: '' };
        const outcome = await where.attemptLaunch(encoded);
        ends.add('refused' in outcome ? outcome.message : outcome.waitStatus);
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    const isReached = readdirSync(canary).length > 0;
    rmSync(canary, { recursive: true });
    mkdirSync(canary);
    expect([...ends]).toContain(0);
    for (const end of ends) if (end !== 0) expect(end).toMatch(REFUSAL);
    return isReached ? launches : undefined;
  }

  test('makes a directory on the host where a path is looked up twice', async () => {
    expect(await attack(weak)).toBeGreaterThan(0);
  }, 600_000);

  test(`makes none in ${LAUNCHES} launches where it is looked up once`, async () => {
    expect(await attack(arena)).toBeUndefined();
  }, 900_000);

  test(`makes none in ${LAUNCHES_BY_NAMES} where it is looked up once, name by name`, async () => {
    const deny = join(directory, 'deny');
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', deny, join(NATIVE_TESTS, 'deny.c')]);
    const older = await Arena.open([], { before: [deny, String(constants.errno.ENOSYS), String(SYS_OPENAT2), '--'] });
    try {
      expect(await attack(older, LAUNCHES_BY_NAMES)).toBeUndefined();
    } finally {
      await older.close();
    }
  }, 600_000);
});

const NATIVE_TESTS = join(import.meta.dirname, '../../native/test');
