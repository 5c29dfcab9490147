import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
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
