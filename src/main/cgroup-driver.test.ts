import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import type { CgroupDriver } from '../model/cgroup-driver.ts';
import { checkCgroupDriver, rememberCgroupDriver } from './cgroup-driver.ts';

const SYSTEMD: CgroupDriver = { kind: 'systemd', slice: 'isopod.slice' };
const CGROUPFS: CgroupDriver = { kind: 'cgroupfs' };
const BOOTED = { '/run/systemd/system/x': '', '/run/systemd/private': '' };
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const RUNNING = { '/s/c/0123456789ab/plan.json': '{}' };

describe('the driver systemd', () => {
  test.each([
    ['no systemd', {}, ['/run/systemd/system', '/run/dbus/system_bus_socket nor /run/systemd/private']],
    ['a bus without systemd', { '/run/dbus/system_bus_socket': '' }, ['/run/systemd/system']],
    [
      'systemd that cannot be asked',
      { '/run/systemd/system/x': '' },
      ['/run/dbus/system_bus_socket nor /run/systemd/private'],
    ],
  ])('is refused where there is %s', async (_what, content, missing) => {
    await expect(checkCgroupDriver(memoryFiles(content), SYSTEMD, 'linux')).rejects.toMatchObject({
      ...{ code: 'main.noSystemd', kind: 'failed-precondition', details: { missing } },
      remedy: expect.stringContaining('--cgroup-driver cgroupfs'),
    });
  });

  test('is taken where systemd is the first process and can be asked, but by the launcher posix', async () => {
    await checkCgroupDriver(memoryFiles(BOOTED), SYSTEMD, 'linux');
    await expect(checkCgroupDriver(memoryFiles(BOOTED), SYSTEMD, 'posix')).rejects.toMatchObject({
      code: 'main.driverOfPosix',
    });
  });

  test("is nobody else's business", () => checkCgroupDriver(memoryFiles({}), CGROUPFS, 'posix'));
});

describe('another driver than before', () => {
  const remember = (content: Readonly<Record<string, string>>, driver: CgroupDriver) => {
    const files = memoryFiles({ [BOOT_ID]: 'boot-1\n', ...content });
    return rememberCgroupDriver({ files }, { state: '/s', driver });
  };

  test.each<readonly [string, Readonly<Record<string, string>>, CgroupDriver]>([
    ['cgroupfs was in use', { '/s/cgroup-driver': 'boot-1\n--cgroup-driver cgroupfs\n' }, SYSTEMD],
    ['nothing tells, as of an older agent', {}, SYSTEMD],
    ['systemd was', { '/s/cgroup-driver': 'boot-1\n--cgroup-driver systemd --systemd-slice isopod.slice\n' }, CGROUPFS],
    [
      'it was another slice',
      { '/s/cgroup-driver': 'boot-1\n--cgroup-driver systemd --systemd-slice other.slice\n' },
      SYSTEMD,
    ],
  ])('is refused while containers are there: %s', async (_what, content, driver) => {
    await expect(remember({ ...RUNNING, ...content }, driver)).rejects.toMatchObject({
      ...{ code: 'main.otherDriver', details: { containers: 1 } },
    });
    await remember(content, driver);
  });

  test('is taken after a restart of the host, which has ended them all', async () => {
    await remember(
      { ...RUNNING, '/s/cgroup-driver': 'boot-0\n--cgroup-driver systemd --systemd-slice isopod.slice\n' },
      CGROUPFS,
    );
  });

  test('is none when it is the same', async () => {
    await remember(
      { ...RUNNING, '/s/cgroup-driver': 'boot-1\n--cgroup-driver systemd --systemd-slice isopod.slice\n' },
      SYSTEMD,
    );
    await remember(RUNNING, CGROUPFS);
  });
});
