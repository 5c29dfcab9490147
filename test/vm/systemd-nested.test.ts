/** Containers in containers with the cgroup driver `systemd`, with cgroup v2 or with v1: below the scope of the outermost one. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../src/main/index.ts';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { completeConfig, completeExecConfig } from '../../src/model/container-request.ts';
import { EngineHost } from '../kernel/support/engine-host.ts';
import { isAlive } from '../kernel/support/helper-client.ts';
import {
  boundsOf,
  groupsLeft,
  groupsOf,
  IS_UNIFIED,
  scopesOf,
  systemctl,
  unitProperties,
} from './support/systemd-view.ts';

const MIB = 1 << 20;
/** In the scope besides its container (docs/adr/0084). */
const BESIDE_BYTES = 16 * MIB;
const SLEEP = 'exec sleep 1000';
/** The first process of a pid namespace gets only signals that it wants. */
const HEEDS = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
/** Waits for the end of a line that has none, and holds what has come so far. */
const HOG = 'exec tail /dev/zero';
let host: EngineHost;
let engine: Engine;
beforeEach(async () => {
  host = new EngineHost('systemd');
  engine = await host.open();
});
afterEach(() => host.close());

async function launch(path: string, script: string, request: Partial<ContainerRequest> = {}) {
  const slash = path.lastIndexOf('/');
  const parent = slash > 0 ? { parent: path.slice(0, slash) } : {};
  const asked = { rootfs: { kind: 'none' }, command: ['/bin/sh', '-c', script], name: path.slice(slash + 1) } as const;
  const { uid, pid = 0 } = (await engine.launch(completeConfig({ ...asked, ...parent, ...request }))).status;
  return { uid, pid };
}

/** The groups of a process in these hierarchies of v1, or in the one of v2. */
function groupsIn(pid: number, ...ofV1: readonly string[]): ReadonlySet<string | undefined> {
  const groups = groupsOf(pid);
  return new Set((IS_UNIFIED ? [''] : ofV1).map((name) => groups.get(name)));
}

test('it has no scope but groups below that of the outermost, with its own bounds, which outlast a reload', async () => {
  const web = await launch('web', SLEEP, { resources: { memoryLimitBytes: 64 * MIB, pidsLimit: 50 } });
  const db = await launch('web/db', SLEEP, { resources: { memoryLimitBytes: 32 * MIB, cpuMillis: 500 } });
  const x = await launch('web/db/x', SLEEP, { resources: { pidsLimit: 20 } });
  const [scope = 'no scope'] = scopesOf(web.uid);
  expect([scopesOf(db.uid), scopesOf(x.uid)]).toEqual([[], []]);
  const session = await engine.exec(completeExecConfig(x.uid, { command: ['/bin/sleep', '1000'] }));
  for (const reload of [() => '', () => systemctl('daemon-reload')]) {
    reload();
    const below = `/isopod.slice/${scope}/container/nested/${db.uid}`;
    const end = IS_UNIFIED ? '/self' : '';
    expect(groupsIn(db.pid, 'memory', 'cpu,cpuacct')).toEqual(new Set([`${below}${end}`]));
    expect(groupsIn(x.pid, 'pids')).toEqual(new Set([`${below}/nested/${x.uid}${end}`]));
    // Where it has no bound of its own it is in a group of its parents, or in the scope.
    const all = [...groupsIn(x.pid, 'name=systemd', 'cpu,cpuacct', 'memory', 'pids', 'blkio', 'devices')];
    expect(all.filter((group) => !group?.startsWith(`/isopod.slice/${scope}`))).toEqual([]);
    expect(groupsOf(session.pid)).toEqual(groupsOf(x.pid));
    expect(boundsOf(db.pid)).toMatchObject({ memoryBytes: `${32 * MIB}`, cpuUs: '50000' });
    expect(boundsOf(x.pid)).toMatchObject({ processes: '20' });
    expect(boundsOf(web.pid)).toMatchObject({ memoryBytes: `${64 * MIB}`, processes: '50' });
  }
});

test('a change of its bounds leaves the scope as it is, and one of the outermost reaches that', async () => {
  const web = await launch('web', SLEEP, { resources: { memoryLimitBytes: 64 * MIB } });
  const db = await launch('web/db', SLEEP, { resources: { memoryLimitBytes: 32 * MIB } });
  const [scope = 'no scope'] = scopesOf(web.uid);
  await engine.update('web/db', { memoryLimitBytes: 24 * MIB });
  expect(boundsOf(db.pid).memoryBytes).toBe(`${24 * MIB}`);
  expect(unitProperties(scope, ['MemoryMax'])).toEqual({ MemoryMax: `${64 * MIB + BESIDE_BYTES}` });
  await engine.update('web', { memoryLimitBytes: 96 * MIB });
  expect(unitProperties(scope, ['MemoryMax'])).toEqual({ MemoryMax: `${96 * MIB + BESIDE_BYTES}` });
  expect(boundsOf(db.pid).memoryBytes).toBe(`${24 * MIB}`);
});

test('one that runs out of its own memory ends alone', async () => {
  await launch('web', SLEEP, { resources: { memoryLimitBytes: 64 * MIB } });
  await launch('web/db', HOG, { resources: { memoryLimitBytes: 16 * MIB } });
  expect(await engine.wait('web/db')).toMatchObject({ reason: 'limitation' });
  expect(await engine.status('web')).toMatchObject({ state: 'running', limitations: [] });
});

test('the next engine finds it in its parent, and the end of that leaves neither process, unit nor group', async () => {
  const web = await launch('web', SLEEP);
  const db = await launch('web/db', SLEEP);
  await engine.close();
  engine = await host.open();
  expect(await engine.status('web/db')).toMatchObject({ uid: db.uid, pid: db.pid, state: 'running', depth: 2 });
  await engine.stop('web', 0);
  expect(await engine.wait('web/db')).toMatchObject({ reason: 'parent-ended' });
  expect([web.pid, db.pid].filter((pid) => isAlive(pid))).toEqual([]);
  await engine.destroy('web');
  expect([...scopesOf(web.uid), ...groupsLeft(web.uid)]).toEqual([]);
});

test('a stop of the scope by systemd ends what is nested, too', async () => {
  const web = await launch('web', HEEDS);
  await launch('web/db', SLEEP);
  const [scope = 'no scope'] = scopesOf(web.uid);
  systemctl('stop', scope);
  expect(await engine.wait('web/db')).toMatchObject({ reason: 'parent-ended' });
  await engine.wait('web');
});
