import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { Arena, type Outcome } from '../attacks/support/arena.ts';
import { processFacts } from '../attacks/support/process-facts.ts';
import { until } from './support/helper-client.ts';
import { logged } from './support/launches.ts';
import { PlannedHost } from './support/planned-host.ts';

/** Numbers of calls that are the same on every architecture, and of those that are not. */
const CALLS = {
  clone3: 435,
  close_range: 436,
  openat2: 437,
  mount_setattr: 442,
  memfd_create: process.arch === 'arm64' ? 279 : 319,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  pidfd_send_signal: 424,
  pidfd_open: 434,
} as const;
type Call = keyof typeof CALLS;

/** There is an older call, or a way without. */
const CLIMBED_DOWN: readonly (readonly Call[])[] = [
  ['clone3'],
  ['close_range'],
  ['openat2'],
  ['mount_setattr'],
  ['memfd_create'],
  ['clone3', 'close_range', 'openat2', 'mount_setattr'],
];
/** In every kernel that we run on (5.10), and nothing takes their place: what needs them is refused. */
const NEEDED_TO_LAUNCH: readonly Call[] = ['open_tree', 'move_mount', 'fsopen', 'fsconfig', 'fsmount'];
const NEEDED_TO_EXEC: readonly Call[] = ['pidfd_open', 'pidfd_send_signal'];

const directory = mkdtempSync(join(tmpdir(), 'isopod-ladders-'));
const deny = join(directory, 'deny');
const SLEEP = ['/bin/sh', '-c', 'echo ready; exec sleep 1000'];

beforeAll(() => {
  execFileSync('gcc', [
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    deny,
    join(import.meta.dirname, '../../native/test/deny.c'),
  ]);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** An arena whose helper lives in a filter that answers these calls so. */
function denied(name: 'ENOSYS' | 'EPERM', calls: readonly Call[]): Promise<Arena> {
  const numbers = calls.map((call) => String(CALLS[call]));
  return Arena.open([], { before: [deny, String(constants.errno[name]), ...numbers, '--'] });
}

/** Facts that do not differ from one container to the next. */
function comparable(pid: number): Readonly<Record<string, string>> {
  const own = /^(ns\/|cgroup$|Seccomp_filters$|root$)/;
  return Object.fromEntries(Object.entries(processFacts(pid)).filter(([name]) => !own.test(name)));
}

async function ready(where: Arena, request: Partial<ContainerRequest>) {
  const container = await where.start(SLEEP, request);
  await until('it runs', () => logged(container.values).includes('ready'));
  return container;
}

/** A container that uses every kind of path: a volume, a file, a user by name, a workdir behind a link, a parameter. */
function request(where: Arena): Partial<ContainerRequest> {
  const volume = where.directory();
  writeFileSync(join(volume, 'file'), 'of the host');
  const rootfs = where.rootfs((path) => {
    mkdirSync(join(path, 'srv/real'), { recursive: true });
    symlinkSync('/srv/real', join(path, 'work'));
    symlinkSync('../../../../etc', join(path, 'up'));
  });
  const volumes = [
    { kind: 'host-path', hostPath: volume, containerPath: '/mnt/deep/er', readOnly: false },
    { kind: 'host-path', hostPath: join(volume, 'file'), containerPath: '/up/shown', readOnly: true },
  ] as const;
  return { rootfs, volumes, user: 'web', workdir: '/work', sysctls: { 'net.ipv4.ip_forward': '1' } };
}

describe.skipIf(!PlannedHost.isPossible).each(['ENOSYS', 'EPERM'] as const)('where the kernel answers %s', (name) => {
  test.each(CLIMBED_DOWN.map((calls) => [calls.join(', '), calls] as const))(
    'to %s, a container is launched, entered and killed, and no less confined',
    async (_names, calls) => {
      const [free, bound] = [await Arena.open(), await denied(name, calls)];
      try {
        const expected = await ready(free, request(free));
        const container = await ready(bound, request(bound));
        expect(comparable(container.pid)).toEqual(comparable(expected.pid));
        const script =
          'pwd; cat /etc/shown /mnt/deep/er/file /proc/sys/net/ipv4/ip_forward; ls /proc/self/fd | wc -l; grep -c " ro," /proc/self/mounts';
        const seen = async (where: Arena, init: typeof container): Promise<Outcome> =>
          where.attemptSession(init, ['/bin/sh', '-c', `${script}; wc -c </proc/keys`], {
            workdir: '/work',
            user: 'web',
          });
        const outcome = await seen(bound, container);
        expect(outcome).toEqual(await seen(free, expected));
        expect(outcome).toMatchObject({
          printed: expect.stringMatching(/^\/srv\/real\nof the hostof the host1\n/),
          waitStatus: 0,
        });
        await container.signal(9);
        expect(await container.ended()).toBe(9);
        await expected.signal(9);
      } finally {
        await bound.close();
        await free.close();
      }
    },
  );

  test.each(NEEDED_TO_LAUNCH)(
    'to %s, a launch is refused by the name of its step, and nothing weaker runs',
    async (call) => {
      const bound = await denied(name, [call]);
      try {
        const outcome = await bound.attempt('echo ran', request(bound));
        expect(outcome).toMatchObject({ refused: expect.stringMatching(/^plan\./) });
        expect(outcome).toMatchObject({ message: expect.stringContaining(name) });
      } finally {
        await bound.close();
      }
    },
  );

  test.each(NEEDED_TO_EXEC)('to %s, a container runs, and a session in it is refused', async (call) => {
    const bound = await denied(name, [call]);
    try {
      const container = await ready(bound, {});
      expect(await bound.attemptSession(container, ['/bin/true'])).toMatchObject({ refused: expect.any(String) });
      expect(readFileSync(`/proc/${container.pid}/comm`, 'utf8')).toBe('sleep\n');
      process.kill(container.pid, 'SIGKILL');
      expect(await container.ended()).toBe(9);
    } finally {
      await bound.close();
    }
  });
});
