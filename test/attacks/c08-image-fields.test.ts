import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { step } from '../../src/model/wire.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena, type Outcome } from './support/arena.ts';
import type { Defence } from './support/weakened-helper.ts';

/** A volume without a name, as an image declares it. */
const FILLED = { create: 1, noSymlinks: 0, propagation: 0, fill: 1, keep: 0 };

/** CVE-2024-40635, CVE-2022-23648, CVE-2026-30892, CVE-2022-0811, CVE-2022-4318, CVE-2026-55686: texts of an image or a request are believed. */
describe.skipIf(!PlannedHost.isPossible)('C8, fields of images and requests', () => {
  const arenas: Arena[] = [];
  let arena: Arena;
  beforeAll(async () => {
    arena = await opened();
  });
  afterAll(async () => {
    for (const each of arenas) await each.close();
  });

  async function opened(...without: readonly Defence[]): Promise<Arena> {
    const each = await Arena.open(without);
    arenas.push(each);
    return each;
  }

  /** Past what the engine checks itself: the user goes straight to the helper, as one that an image names would. */
  async function asUser(where: Arena, user: string, change: (directory: string) => void = () => {}): Promise<Outcome> {
    const { plan, channel } = await where.host.plan({ command: ['/bin/id', '-u'], rootfs: where.rootfs(change) });
    const encoded = encodeLaunch(plan, channel);
    const childSteps = encoded.childSteps.map((each) =>
      each.op === 'resolve-user' ? step('image', 'resolve-user', { user, group: '' }) : each,
    );
    return where.attemptLaunch({ ...encoded, childSteps });
  }

  const noAccounts = (directory: string): void => rmSync(join(directory, 'etc/passwd'));

  test('uid 4294967296 is root where numbers are cut to 32 bits, and out of range with us', async () => {
    const weak = await opened('BOUNDED_IDS');
    expect(await asUser(weak, '4294967296', noAccounts)).toMatchObject({ printed: '0\n' });
    for (const user of ['4294967296', '4294967295', '18446744073709551616']) {
      expect(await asUser(arena, user)).toMatchObject({ message: expect.stringContaining('out of range') });
      await expect(arena.host.plan({ command: ['id'], user })).rejects.toMatchObject({ code: 'user.idOutOfRange' });
    }
  });

  test('uid 1 without /etc/passwd is root where an unknown account is a zeroed one, and 1 with us', async () => {
    const weak = await opened('NUMBERS_AS_IDS');
    expect(await asUser(weak, '1', noAccounts)).toMatchObject({ printed: '0\n' });
    expect(await asUser(arena, '1', noAccounts)).toMatchObject({ printed: '1\n' });
    // A name of digits, which an image may give to root, is still the number.
    const named = (directory: string) => writeFileSync(join(directory, 'etc/passwd'), '1:x:0:0::/:/bin/sh\n');
    expect(await asUser(arena, '1', named)).toMatchObject({ printed: '1\n' });
  });

  test.each(['passwd', 'group'])(
    'an /etc/%s that leads to the host is read there only where links lead out',
    async (file) => {
      const weak = await opened('RESOLVED_PATHS');
      /** Before the root is changed to the container's own, when a link still starts at the host's. */
      const attack = async (where: Arena): Promise<Outcome> => {
        const secrets = where.directory();
        writeFileSync(join(secrets, 'passwd'), 'secret:x:4242:4242::/:/bin/sh\n');
        writeFileSync(join(secrets, 'group'), 'secret:x:4242:\n');
        const rootfs = where.rootfs((directory) => {
          rmSync(join(directory, 'etc', file));
          symlinkSync(join(secrets, file), join(directory, 'etc', file));
        });
        const { plan, channel } = await where.host.plan({ command: ['/bin/sh', '-c', 'id -u; id -g'], rootfs });
        const encoded = encodeLaunch(plan, channel);
        const user = file === 'passwd' ? { user: 'secret', group: '' } : { user: '7', group: 'secret' };
        const others = encoded.childSteps.filter(({ op }) => op !== 'resolve-user');
        const pivot = others.findIndex(({ op }) => op === 'pivot-root');
        return where.attemptLaunch({
          ...encoded,
          childSteps: others.toSpliced(pivot, 0, step('image', 'resolve-user', user)),
        });
      };
      expect(await attack(weak)).toMatchObject({ printed: expect.stringContaining('4242') });
      expect(await attack(arena)).toMatchObject({
        refused: expect.any(String),
        message: expect.stringContaining('secret'),
      });
    },
  );

  test.each([
    ['a FIFO that would block', (path: string) => execFileSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a device without end', (path: string) => symlinkSync('/dev/zero', path)],
    ['a file of the kernel', (path: string) => symlinkSync('/proc/self/mem', path)],
    ['itself', (path: string) => symlinkSync('passwd', path)],
  ])('an /etc/passwd that is %s is refused and named', async (_what, make) => {
    const change = (directory: string): void => {
      rmSync(join(directory, 'etc/passwd'));
      make(join(directory, 'etc/passwd'));
    };
    expect(await asUser(arena, 'web', change)).toMatchObject({ message: expect.stringContaining('/etc/passwd') });
  });

  test('a working directory through links of the image stays inside', async () => {
    const rootfs = arena.rootfs((directory) => symlinkSync('../../../../../../../etc', join(directory, 'work')));
    expect(await arena.attempt('pwd -P; cat passwd', { rootfs, workdir: '/work' })).toMatchObject({
      printed: expect.stringMatching(/^\/etc\nroot:x:0:0::\/root:\/bin\/sh\nweb:/),
    });
  });

  test('a VOLUME /../../ copies files of the host and makes directories there only where a path is used as it is written', async () => {
    const weak = await opened('PATHS_RESOLVED_ONCE');
    /** Past the engine, which refuses such an image: the step of a volume that is filled from what is at its place. */
    const attack = async (where: Arena, place: string) => {
      const [hostPath, secrets] = [where.directory(), where.directory()];
      writeFileSync(join(secrets, 'key'), 'of the host');
      const volumes = [{ kind: 'host-path', hostPath, containerPath: '/data', readOnly: false }] as const;
      const { plan, channel } = await where.host.plan({ command: ['/bin/ls', '/'], rootfs: where.rootfs(), volumes });
      const encoded = encodeLaunch(plan, channel);
      const target = `/../${relative(where.host.helper.directory, secrets)}${place}`;
      const childSteps = encoded.childSteps.map((each) =>
        each.values.target === '/data'
          ? step('image', 'attach-volume', { ...FILLED, slot: Number(each.values.slot), target })
          : each,
      );
      const outcome = await where.attemptLaunch({ ...encoded, childSteps });
      return { outcome, copied: readdirSync(hostPath), onHost: readdirSync(secrets) };
    };
    expect(await attack(weak, '')).toMatchObject({ copied: ['key'] });
    expect(await attack(weak, '/made')).toMatchObject({ onHost: ['key', 'made'] });
    expect(await attack(arena, '')).toMatchObject({ outcome: { waitStatus: 0 }, copied: [], onHost: ['key'] });
    expect(await attack(arena, '/made')).toMatchObject({ outcome: { waitStatus: 0 }, copied: [], onHost: ['key'] });
  });

  test('a value with `+` sets a second parameter where values are cut at it, and with us is one value', async () => {
    // As the pinns of CRI-O did; the parameters are those of namespaces that end with the shell.
    const cut =
      'for pair in $(echo "$1" | tr + " "); do echo "$pair" | cut -d= -f2 >/proc/sys/$(echo "$pair" | cut -d= -f1 | tr . /); done';
    const naive = `unshare -nu sh -c '${cut}; cat /proc/sys/kernel/domainname' sh 'net.ipv4.ip_forward=1+kernel.domainname=taken'`;

    expect(execFileSync('sh', ['-c', naive], { encoding: 'utf8' })).toBe('taken\n');
    const outcome = await arena.attempt('cat /proc/sys/kernel/domainname', {
      sysctls: { 'net.ipv4.ip_forward': '1+kernel.domainname=taken' },
    });
    expect(outcome).toMatchObject({ message: expect.stringContaining('net/ipv4/ip_forward') });
    const name = { 'net.ipv4.ip_forward+kernel.core_pattern': '1' };
    await expect(arena.host.plan({ command: ['sh'], sysctls: name })).rejects.toMatchObject({
      code: 'sysctl.malformed',
    });
  });
});
