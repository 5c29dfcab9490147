import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { parseContainerUid } from '../../src/model/container-id.ts';
import { isEngineError } from '../../src/model/error.ts';
import type { Resources } from '../../src/model/resources.ts';
import { EngineHost } from './support/engine-host.ts';
import { until } from './support/helper-client.ts';
import { makeImage, PlannedHost } from './support/planned-host.ts';
import { shellConfig } from './support/shell-config.ts';

const MIB = 1 << 20;
const hasController = (name: string) =>
  new RegExp(`^${name}\t.*\t1$`, 'm').test(readFileSync('/proc/cgroups', 'utf8')) &&
  (existsSync(`/sys/fs/cgroup/${name}`) || v2Controllers().includes(name));
const HAS_CPUSET = hasController('cpuset') && cpus().length > 1;

function v2Controllers(): readonly string[] {
  const path = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
    .map((mount) => join(mount, 'cgroup.controllers'))
    .find((file) => existsSync(file));
  return path === undefined ? [] : readFileSync(path, 'utf8').trim().split(' ');
}

/** Several processes, one of them nobody's child, and a new one again and again. */
const BUSY = '(setsid sleep 1000 &); sleep 1000 & while :; do (sleep 0.01; true) & wait $!; done';
/** Forks as fast as it can, from several processes at once. */
const STORM = 'for i in 1 2 3; do (while :; do (:; :) & done) & done; wait';
const EXEC = {
  ...{ command: ['/bin/sh', '-c', 'exec sleep 1000'], env: [], terminal: false, stdin: false, owned: false },
} as const;

let host: EngineHost;
let engine: Engine;
beforeEach(async () => {
  host = new EngineHost();
  engine = await host.open();
});
afterEach(() => host.close());

/** Every process of a container, by the group that it is tracked in. */
async function processesOf(name: string): Promise<readonly number[]> {
  const { tracking } = await engine.plan(name);
  return readFileSync(join(tracking.path, 'cgroup.procs'), 'utf8').trim().split('\n').map(Number);
}

/** The group that a process is in, in the hierarchy of a v1 controller, else in that of v2; `undefined` when it is ending, or has: then the kernel says `/`. */
function groupOf(pid: number, controller: string): string | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
    const line =
      lines.find((one) => one.split(':')[1]?.split(',').includes(controller)) ??
      lines.find((one) => one.startsWith('0::'));
    const group = line?.split(':')[2];
    return group === '/' ? undefined : group;
  } catch {
    return undefined;
  }
}

async function groupsOf(name: string, controller: string): Promise<ReadonlySet<string>> {
  const groups = (await processesOf(name)).map((pid) => groupOf(pid, controller));
  return new Set(groups.filter((group) => group !== undefined));
}

const allowedCpus = (pid: number | undefined): string | undefined =>
  /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

async function planned(name: string, controller: string) {
  return (await engine.plan(name)).cgroups.find(({ controllers }) => controllers.includes(controller));
}

describe.skipIf(!HAS_CPUSET)('a limit of a kind that a container had none of', () => {
  const launch = (command: string, changes: Partial<ContainerConfig> = {}) =>
    engine.launch(shellConfig('one', command, changes));

  test('holds for all of its processes, for those that come, and by the engine that follows', async () => {
    await launch(BUSY);
    const { id, pid } = await engine.exec({ container: parseContainerUid((await engine.status('one')).uid), ...EXEC });
    expect(await planned('one', 'cpuset')).toBeUndefined();
    const status = await engine.update('one', { cpusetCpus: '0' });
    expect(status).toMatchObject({ config: { resources: { cpusetCpus: '0' } } });
    expect(status.isolators).toContain('cgroups/cpuset');
    const group = await planned('one', 'cpuset');
    expect(group?.knobs).toMatchObject([{ by: 'cgroups/cpuset', value: '0' }]);
    if (group?.version === 1) {
      const path = (await groupsOf('one', 'cpuset')).values().next().value ?? '';
      expect(group.path.endsWith(path)).toBe(true);
      expect((await groupsOf('one', 'cpuset')).size).toBe(1);
    }
    const later = await engine.exec({ container: parseContainerUid((await engine.status('one')).uid), ...EXEC });
    const { pid: init } = await engine.status('one');
    expect([init, pid, later.pid].map(allowedCpus)).toEqual(['0', '0', '0']);
    expect(await engine.usage('one')).toMatchObject({ cpusetCpuCount: 1 });
    expect(id).not.toBe(later.id);
    await engine.update('one', { cpusetCpus: '1' });
    expect(allowedCpus(init)).toBe('1');
    await engine.update('one', { cpusetCpus: null });
    expect(allowedCpus(init)).toBe(readFileSync('/sys/devices/system/cpu/online', 'utf8').trim());
  });

  test('is found by the next engine, and its group goes with the container', async () => {
    await launch(BUSY);
    await engine.update('one', { cpusetCpus: '0' });
    const path = (await planned('one', 'cpuset'))?.path ?? '';
    await engine.close();
    engine = await host.open();
    expect((await engine.status('one')).isolators).toContain('cgroups/cpuset');
    expect(await engine.usage('one')).toMatchObject({ cpusetCpuCount: 1 });
    await engine.update('one', { cpusetCpus: '1' });
    expect(allowedCpus((await engine.status('one')).pid)).toBe('1');
    await engine.remove('one', { force: true });
    expect(existsSync(path)).toBe(false);
  });

  test('holds for processes that fork all the time, and for a paused container', async () => {
    await launch(STORM, { resources: { pidsLimit: 100 } });
    await engine.update('one', { cpusetCpus: '0' });
    expect([...(await groupsOf('one', 'cpuset'))]).toHaveLength(1);
    expect(allowedCpus((await engine.status('one')).pid)).toBe('0');
    await engine.launch(shellConfig('two', BUSY));
    await engine.pause('two');
    await engine.update('two', { cpusetCpus: '0' });
    await engine.unpause('two');
    expect(allowedCpus((await engine.status('two')).pid)).toBe('0');
  });

  test('is refused with all else of its update, and then there is nothing of it', async () => {
    await launch(`x=$(head -c 16000000 /dev/zero | tr '\\0' x); ${BUSY}`);
    const { isolators, uid } = await engine.status('one');
    await until('it uses memory', async () => Number((await engine.usage(uid)).memoryBytes) > 12 * MIB);
    const before = await groupsOf('one', 'cpuset');
    const plan = await engine.plan('one');
    const refused = engine.update('one', { cpusetCpus: '0', memoryLimitBytes: 8 * MIB });
    await expect(refused).rejects.toMatchObject({ code: 'update.memoryInUse' });
    expect(await groupsOf('one', 'cpuset')).toEqual(before);
    expect(await engine.plan('one')).toEqual(plan);
    expect((await engine.status('one')).isolators).toEqual(isolators);
    expect(allowedCpus((await engine.status('one')).pid)).not.toBe('0');
    const parent = plan.cgroupJoins.find(({ path }) => path.startsWith('/sys/fs/cgroup/cpuset/'))?.path;
    if (parent !== undefined) {
      const below = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      expect(below).toEqual([]);
    }
  });

  test.skipIf(!PlannedHost.isPossible)(
    'is taken back when something else is refused after its processes moved',
    async () => {
      const root = join(host.directory, 'image');
      makeImage(root);
      await launch('echo > /dev/mine; sleep 1000 & exec sleep 1000', { rootfs: { kind: 'directory', path: root } });
      const { pid } = await engine.status('one');
      await until('it has made its file', () => existsSync(`/proc/${pid}/root/dev/mine`));
      const [before, plan] = [await groupsOf('one', 'cpuset'), await engine.plan('one')];
      // Devices are the last of an update.
      const add = [{ hostPath: '/dev/kmsg', containerPath: '/dev/mine', access: 'r' }];
      await expect(engine.update('one', { cpusetCpus: '0' }, { add })).rejects.toMatchObject({
        code: 'update.deviceInTheWay',
      });
      expect([await groupsOf('one', 'cpuset'), await engine.plan('one')]).toEqual([before, plan]);
      expect(allowedCpus(pid)).not.toBe('0');
      expect(host.problems).toEqual([]);
      await engine.update('one', { cpusetCpus: '0' });
      expect(allowedCpus(pid)).toBe('0');
    },
  );

  test('is refused in words where the isolators were listed', async () => {
    const isolation = ['filesystem/linux', 'namespaces/pid', 'cgroups/pids'];
    await launch('exec sleep 1000', { isolation });
    await expect(engine.update('one', { cpusetCpus: '0' })).rejects.toMatchObject({
      code: 'late-isolators.listed',
      details: { option: 'a set of CPUs', isolator: 'cgroups/cpuset', listed: isolation },
    });
  });
});

const pageLimit: Resources = { hugePages: [{ pageSize: '2MB', limitBytes: 2 * MIB }] };
/** Numbers of some disk, of which a guest may have none. */
const disks = readdirSync('/sys/block').slice(0, 1);
const device = disks.map((name) => readFileSync(join('/sys/block', name, 'dev'), 'utf8').trim())[0];
const KINDS = [
  ...(device === undefined ? [] : ([['io', { ioDevices: [{ device, readBytesPerSecond: MIB }] }]] as const)),
  ...(hasController('hugetlb') && existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB')
    ? ([['hugetlb', pageLimit]] as const)
    : []),
  ...(hasController('net_prio')
    ? ([['net_prio', { networkPriorities: [{ interface: 'lo', priority: 3 }] }]] as const)
    : []),
  ...(hasController('net_cls') ? ([['net_cls', { netClassId: 0x100001 }]] as const) : []),
] as const;

test.for(KINDS)('a limit of %s comes while the container runs', async ([controller, resources], { skip }) => {
  await engine.launch(shellConfig('one', BUSY));
  expect((await planned('one', controller))?.knobs.filter(({ by }) => by === `cgroups/${controller}`) ?? []).toEqual(
    [],
  );
  try {
    await engine.update('one', resources as Resources);
  } catch (error) {
    if (!isEngineError(error) || error.code !== 'cgroups.knobMissing') throw error;
    skip(error.message);
  }
  const group = await planned('one', controller);
  const knobs = group?.knobs.filter(({ by }) => by === `cgroups/${controller}`) ?? [];
  expect(knobs).not.toEqual([]);
  for (const { file, value } of knobs) expect(readFileSync(join(group?.path ?? '', file), 'utf8')).toContain(value);
  await until('all are in', async () => {
    const inGroup = readFileSync(
      join(group?.version === 2 ? (await engine.plan('one')).tracking.path : (group?.path ?? ''), 'cgroup.procs'),
      'utf8',
    );
    return inGroup.includes(`${(await engine.status('one')).pid}\n`);
  });
  await engine.remove('one', { force: true });
  expect(existsSync(dirname(join(group?.path ?? '', 'x')))).toBe(false);
});
