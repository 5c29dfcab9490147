import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { parseContainerUid } from '../../src/model/container-id.ts';
import type { DeviceChanges } from '../../src/model/device-changes.ts';
import { EngineHost } from './support/engine-host.ts';
import { isTemporaryMappable } from './support/mappable.ts';
import { makeImage, PlannedHost } from './support/planned-host.ts';
import { shellConfig } from './support/shell-config.ts';

/** /dev/kmsg: every kernel has it, and reading it does no harm. */
const KMSG = { hostPath: '/dev/kmsg', containerPath: '/dev/deep/kmsg', access: 'r' } as const;

let host: EngineHost;
let engine: Engine;
let root: string;
beforeEach(async () => {
  host = new EngineHost();
  engine = await host.open();
  root = join(host.directory, 'image');
  makeImage(root);
});
afterEach(() => host.close());

/** With every capability that we have, so that it is the group that refuses. */
const ISOLATION = ['filesystem/linux', 'namespaces/pid', 'cgroups/devices', 'linux/devices', 'cgroups/memory'];

const USER_ISOLATION = [...ISOLATION, 'namespaces/user'];

async function launch(changes: Partial<ContainerConfig> = {}): Promise<string> {
  const config = shellConfig('one', 'exec sleep 1000', { rootfs: { kind: 'directory', path: root }, ...changes });
  const { status } = await engine.launch({ isolation: ISOLATION, ...config });
  return `/proc/${status.pid}/root/dev`;
}

/** The exit code of a shell command in the container. */
async function run(command: string): Promise<number | undefined> {
  const { uid } = await engine.status('one');
  const session = await engine.exec({
    ...{ container: parseContainerUid(uid), command: ['/bin/sh', '-c', command], env: [] },
    ...{ terminal: false, stdin: false, owned: false },
  });
  const { exitStatus } = await engine.waitSession(session.id);
  return exitStatus.kind === 'exited' ? exitStatus.code : undefined;
}

const isOpened = async (path: string, how: '<' | '>'): Promise<boolean> => (await run(`true ${how} ${path}`)) === 0;
const access = async (path: string) => [await isOpened(path, '<'), await isOpened(path, '>')];
const update = (devices: DeviceChanges) => engine.update('one', {}, devices);
const refusal = async (devices: DeviceChanges, code: string): Promise<void> => {
  await expect(update(devices)).rejects.toMatchObject({ code });
};

/** Config, plan and what the kernel has, where it tells: to be the same before and after. */
async function everything(): Promise<readonly unknown[]> {
  const { config } = await engine.status('one');
  const { cgroups, deviceRules, deviceNodes } = await engine.plan('one');
  const list = cgroups.find(({ version, controllers }) => version === 1 && controllers.includes('devices'));
  const kernel = list === undefined ? '' : readFileSync(join(list.path, 'devices.list'), 'utf8');
  return [config, deviceRules, deviceNodes, cgroups, kernel.split('\n').sort()];
}

describe.skipIf(!PlannedHost.isPossible)('a running container', () => {
  test('is given a device and loses it again: the node in its /dev and what it may do with it', async () => {
    const dev = await launch();
    const before = await everything();
    expect(await run(`busybox mknod /dev/own c 1 11`)).toBe(0);
    expect(await access('/dev/own')).toEqual([false, false]);
    expect((await update({ add: [KMSG] })).config.devices).toEqual([KMSG]);
    const { mode, uid, gid, rdev } = statSync('/dev/kmsg');
    expect(statSync(join(dev, 'deep/kmsg'))).toMatchObject({ mode, uid, gid, rdev });
    expect(statSync(join(dev, 'deep')).mode & 0o7777).toBe(0o755);
    expect([await access('/dev/deep/kmsg'), await access('/dev/own')]).toEqual([
      [true, false],
      [true, false],
    ]);
    expect(await access('/dev/null')).toEqual([true, true]);
    await update({ remove: ['/dev/deep/kmsg'], add: [{ ...KMSG, access: 'rw' }] });
    expect(await access('/dev/deep/kmsg')).toEqual([true, true]);
    await update({ remove: ['/dev/deep/kmsg'] });
    expect(existsSync(join(dev, 'deep/kmsg'))).toBe(false);
    expect(await access('/dev/own')).toEqual([false, false]);
    expect(await everything()).toEqual(before);
  });

  test('is given rules and loses them, also everything at once', async () => {
    await launch({ deviceRules: ['c 1:11 r'] });
    const before = await everything();
    await run('busybox mknod /dev/own c 1 11');
    expect(await access('/dev/own')).toEqual([true, false]);
    await update({ addRules: ['c 1:11 w'] });
    expect(await access('/dev/own')).toEqual([true, true]);
    await update({ removeRules: ['c 1:11 r'] });
    expect(await access('/dev/own')).toEqual([false, true]);
    await update({ addRules: ['a *:* rwm'] });
    expect(await access('/dev/own')).toEqual([true, true]);
    await update({ removeRules: ['a *:* rwm', 'c 1:11 w'], addRules: ['c 1:11 r'] });
    expect(await access('/dev/own')).toEqual([true, false]);
    expect(await access('/dev/null')).toEqual([true, true]);
    expect(await everything()).toEqual(before);
  });

  test('keeps its devices when the engine follows another one, and while it is paused', async () => {
    const dev = await launch({ devices: [{ ...KMSG, containerPath: '/dev/first' }] });
    await engine.pause('one');
    await update({ add: [KMSG], addRules: ['c 1:5 r'] });
    await engine.close();
    engine = await host.open();
    await engine.unpause('one');
    const { config } = await engine.status('one');
    expect([config.devices.length, config.deviceRules]).toEqual([2, ['c 1:5 r']]);
    expect(await access('/dev/deep/kmsg')).toEqual([true, false]);
    await update({ remove: ['/dev/first'] });
    expect([existsSync(join(dev, 'first')), existsSync(join(dev, 'deep/kmsg'))]).toEqual([false, true]);
    expect(await access('/dev/deep/kmsg')).toEqual([true, false]);
  });

  test('is left as it was by an update that is refused, limits and devices alike', async () => {
    await launch({ resources: { memoryLimitBytes: 64 << 20 } });
    expect(await run(': > /dev/taken && mkdir /dev/full-of && : > /dev/full-of/x')).toBe(0);
    const before = await everything();
    const taken = { ...KMSG, containerPath: '/dev/taken' };
    const mixed = engine.update('one', { memoryLimitBytes: 32 << 20 }, { add: [KMSG, taken], addRules: ['c 1:5 r'] });
    await expect(mixed).rejects.toMatchObject({ code: 'update.deviceInTheWay', details: { path: '/dev/taken' } });
    expect(await everything()).toEqual(before);
    expect([await run('test -e /dev/deep/kmsg'), await run('test -f /dev/taken')]).toEqual([1, 0]);
    await refusal({ add: [{ ...KMSG, containerPath: '/dev/full-of' }] }, 'update.deviceInTheWay');
    await refusal({ remove: ['/dev/null'] }, 'device-changes.noDevice');
    await refusal({ add: [{ ...KMSG, containerPath: '/dev/null' }] }, 'linux/devices.containersOwn');
    await refusal({ add: [{ ...KMSG, hostPath: '/dev/none' }] }, 'host-devices.noDevice');
    await refusal({}, 'update.nothing');
    expect(await everything()).toEqual(before);
  });

  test('leads nobody out of its /dev by links or by what it mounts there', async () => {
    await launch();
    for (const path of ['/tmp', '/proc/1/root/tmp', '/proc/self/fd', '../tmp']) {
      expect(await run(`rm -rf /dev/way; ln -s ${path} /dev/way`)).toBe(0);
      await refusal({ add: [{ ...KMSG, containerPath: '/dev/way/kmsg' }] }, 'update.devicesRefused');
    }
    expect(await run('rm /dev/way; mkdir /dev/way; busybox mount -t tmpfs tmpfs /dev/way')).toBe(0);
    await refusal({ add: [{ ...KMSG, containerPath: '/dev/way/kmsg' }] }, 'update.devicesRefused');
    expect(await run('test -e /tmp/kmsg || test -e /dev/way/kmsg')).toBe(1);
    // A link at the end is something else that is there, and is not followed.
    expect(await run('ln -s /tmp/victim /dev/end; : > /tmp/victim')).toBe(0);
    await refusal({ add: [{ ...KMSG, containerPath: '/dev/end' }] }, 'update.deviceInTheWay');
  });

  test('keeps what it has put in the place of a device that is taken away', async () => {
    const dev = await launch();
    await update({ add: [{ ...KMSG, containerPath: '/dev/k' }] });
    expect(await run('rm /dev/k; echo mine > /dev/k')).toBe(0);
    await update({ remove: ['/dev/k'] });
    expect(readFileSync(join(dev, 'k'), 'utf8')).toBe('mine\n');
  });

  test("with the host's own /dev is given rules, and no device", async () => {
    await launch({ rootfs: { kind: 'none' }, isolation: ['cgroups/devices', 'linux/devices'] });
    await refusal({ add: [{ ...KMSG, containerPath: '/dev/kmsg' }] }, 'linux/devices.hostsOwn');
    expect(await access('/dev/kmsg')).toEqual([false, false]);
    await update({ addRules: ['c 1:11 r'] });
    expect(await access('/dev/kmsg')).toEqual([true, false]);
  });

  test('without the isolator that serves devices is given none', async () => {
    await launch({ isolation: ['filesystem/linux', 'cgroups/devices'] });
    await refusal({ add: [KMSG] }, 'isolators.unserved');
  });

  test.skipIf(!isTemporaryMappable())("in a user namespace has a device as its own root's", async () => {
    const dev = await launch({ isolation: USER_ISOLATION, namespaces: { user: { kind: 'auto', count: 65_536 } } });
    const { uids } = (await engine.plan('one')).userNamespace ?? {};
    // The container's root has no right to read the host's log, and to read zeros no right is needed.
    await update({ add: [{ hostPath: '/dev/zero', containerPath: '/dev/deep/zero', access: 'r' }] });
    expect(lstatSync(join(dev, 'deep/zero')).uid).toBe(uids?.[0]?.host);
    expect(await run('test -O /dev/deep && test -O /dev/deep/zero && true < /dev/deep/zero')).toBe(0);
    await update({ remove: ['/dev/deep/zero'] });
    expect(existsSync(join(dev, 'deep/zero'))).toBe(false);
  });
});

test.skipIf(!existsSync('/dev/loop0'))('block devices are told from character devices', async () => {
  const dev = await launch();
  await update({ add: [{ hostPath: '/dev/loop0', containerPath: '/dev/disk', access: 'r' }] });
  expect(statSync(join(dev, 'disk')).isBlockDevice()).toBe(true);
});
