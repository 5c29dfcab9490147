import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { SecurityRequest } from '../../model/security-config.ts';
import { hostTreeInput, planInput, prepareAndPlan } from '../isolator.fixture.ts';
import { filesystemLinux } from './linux.ts';

const isolator = filesystemLinux({ files: memoryFiles({}) });

test('a root file system gets proc, sys, dev and terminals of its own', () => {
  const { mounts, namespaces, rootfs } = isolator.plan(planInput());
  expect(mounts?.map(({ target }) => target)).toEqual(['/proc', '/sys', '/dev', '/dev/pts']);
  expect(namespaces).toEqual(['mount']);
  expect(rootfs).toMatchObject({ kind: 'overlay' });
});

test('/sys is read-only, and /dev may hold devices', () => {
  const { mounts = [] } = isolator.plan(planInput());
  expect(mounts.find(({ target }) => target === '/sys')?.attributes).toContain('ro');
  expect(mounts.find(({ target }) => target === '/dev')?.attributes).not.toContain('nodev');
});

test('/dev holds six devices, six links and the directories that are mounted on', () => {
  const dev = isolator.plan(planInput()).mounts?.find(({ target }) => target === '/dev');
  const content = dev?.kind === 'new' ? (dev.content ?? []) : [];
  const paths = (kind: string) => content.filter((item) => item.kind === kind).map(({ path }) => path);
  expect(paths('node')).toEqual(['null', 'zero', 'full', 'random', 'urandom', 'tty']);
  expect(paths('symlink')).toEqual(['ptmx', 'fd', 'stdin', 'stdout', 'stderr', 'core']);
  expect(paths('directory')).toEqual(['pts', 'shm', 'mqueue']);
});

test('the newest lists hide what leaks, for each CPU too', () => {
  const { maskedPaths, readOnlyPaths } = isolator.plan(planInput());
  expect(maskedPaths).toEqual(
    expect.arrayContaining([
      '/proc/kcore',
      '/proc/interrupts',
      '/sys/firmware',
      '/sys/devices/virtual/powercap',
      '/sys/devices/system/cpu/cpu1/thermal_throttle',
    ]),
  );
  expect(readOnlyPaths).toEqual(['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']);
});

test('a read-only root is asked for by the caller', () => {
  expect(isolator.plan(planInput()).readOnlyRootfs).toBeUndefined();
  expect(isolator.plan(planInput({ readOnlyRootfs: true })).readOnlyRootfs).toBe(true);
});

test("on the host's tree a container starts in its sandbox directory, and hides nothing", () => {
  const input = hostTreeInput({}, { isolators: ['filesystem/linux'] });
  expect(isolator.plan(input)).toEqual({ namespaces: ['mount'], workdir: input.sandboxDir });
});

test("on the host's tree its own processes get a /proc that agrees", () => {
  const { mounts } = isolator.plan(hostTreeInput());
  expect(mounts?.map(({ target }) => target)).toEqual(['/proc']);
});

const directory = (path: string) => planInput({ rootfs: { kind: 'directory', path }, command: ['true'] });

test.each([
  ['/link', 'root file system /link is a symlink, not a directory'],
  ['/file', 'root file system /file is a file, not a directory'],
  ['/nowhere', 'root file system /nowhere does not exist'],
])('the root file system %s is refused', async (path, message) => {
  const files = memoryFiles({ '/link': '-> /real', '/file': 'x', '/real/bin': '' });
  await expect(prepareAndPlan(filesystemLinux({ files }), directory(path))).rejects.toThrow(message);
});

test('a directory is taken as root file system', async () => {
  const files = memoryFiles({ '/real/bin': '' });
  await expect(prepareAndPlan(filesystemLinux({ files }), directory('/real'))).resolves.toMatchObject({});
});

describe('what is hidden', () => {
  const hiddenIn = (security: SecurityRequest) => isolator.plan(planInput({ security }));

  test('is more, as asked', () => {
    const { maskedPaths } = hiddenIn({ hiddenPaths: { mask: ['/etc/shadow', '/proc/kcore'] } });
    expect(maskedPaths?.filter((path) => ['/etc/shadow', '/proc/kcore'].includes(path))).toHaveLength(2);
  });

  test('is less, path by path, all below a directory, or nothing', () => {
    const some = hiddenIn({ hiddenPaths: { unmask: ['/proc/kcore', '/proc/sys'] } });
    expect(some.maskedPaths).not.toContain('/proc/kcore');
    expect(some.readOnlyPaths).not.toContain('/proc/sys');
    const below = hiddenIn({ hiddenPaths: { unmask: ['/proc/*'] } });
    expect([...(below.maskedPaths ?? []), ...(below.readOnlyPaths ?? [])].filter((path) => path < '/sys')).toEqual([]);
    expect(below.maskedPaths).toContain('/sys/firmware');
    expect(hiddenIn({ hiddenPaths: { unmask: 'all' } })).toMatchObject({ maskedPaths: [], readOnlyPaths: [] });
  });

  test('is not what was never hidden: a slip of the pen is told', () => {
    expect(() => hiddenIn({ hiddenPaths: { unmask: ['/proc/kcor'] } })).toThrow('/proc/kcor is to be unmasked');
    expect(() => hiddenIn({ hiddenPaths: { mask: ['/'] } })).toThrow('the whole root');
    expect(() => hiddenIn({ hiddenPaths: { mask: ['etc'] } })).toThrow('etc');
  });

  test('is nothing in a privileged container, but for what it asks for, and /sys is writable', () => {
    const plan = hiddenIn({ privileged: true, hiddenPaths: { mask: ['/etc/shadow'] } });
    expect(plan).toMatchObject({ maskedPaths: ['/etc/shadow'], readOnlyPaths: [] });
    expect(plan.mounts?.find(({ target }) => target === '/sys')?.attributes).not.toContain('ro');
  });

  test("of the host's own files is what was asked for", () => {
    const security = { hiddenPaths: { mask: ['/etc/shadow'] } };
    expect(isolator.plan(hostTreeInput({ security })).maskedPaths).toEqual(['/etc/shadow']);
  });
});
