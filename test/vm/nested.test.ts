/** Containers in containers where cgroup v2 is the only version: their groups, limits, pauses, counts and ends. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { findInstance } from '../../src/launcher/instance-groups.ts';
import type { Engine } from '../../src/main/index.ts';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { completeConfig, completeExecConfig } from '../../src/model/container-request.ts';
import { EngineHost } from '../kernel/support/engine-host.ts';
import { isAlive, pidsOf, until } from '../kernel/support/helper-client.ts';

const MIB = 1 << 20;
const UNIFIED = '/sys/fs/cgroup';
const SLEEP = 'exec sleep 1000';
/** Waits for the end of a line that has none, and holds what has come so far. */
const HOG = 'exec tail /dev/zero';

let host: EngineHost;
let engine: Engine;
beforeEach(async () => {
  host = new EngineHost();
  engine = await host.open();
});
afterEach(() => host.close());

async function launch(path: string, script: string, request: Partial<ContainerRequest> = {}) {
  const slash = path.lastIndexOf('/');
  const parent = slash > 0 ? { parent: path.slice(0, slash) } : {};
  const asked = { rootfs: { kind: 'none' }, command: ['/bin/sh', '-c', script], name: path.slice(slash + 1) } as const;
  return (await engine.launch(completeConfig({ ...asked, ...parent, ...request }))).status;
}

/** The group of the innermost of these containers that has its limits. */
async function groupOf(...uids: readonly string[]): Promise<string> {
  const instance = await findInstance(nodeEffects(), host.root);
  return join(UNIFIED, instance, 'containers', uids.join('/nested/'));
}

const read = (...path: readonly string[]) => readFileSync(join(...path), 'utf8').trim();

test('its groups lie in those of its parent, with limits of its own, and its processes and sessions in them', async () => {
  const web = await launch('web', SLEEP, { resources: { memoryLimitBytes: 64 * MIB, pidsLimit: 50 } });
  const db = await launch('web/db', SLEEP, { resources: { memoryLimitBytes: 32 * MIB, cpuMillis: 500 } });
  const x = await launch('web/db/x', SLEEP, { resources: { pidsLimit: 20 } });
  const [outer, inner] = [await groupOf(web.uid, db.uid), await groupOf(web.uid, db.uid, x.uid)];
  expect([read(outer, 'memory.max'), read(outer, 'cpu.max')]).toEqual([String(32 * MIB), '50000 100000']);
  expect([read(inner, 'memory.max'), read(inner, 'pids.max')]).toEqual(['max', '20']);
  expect([pidsOf(outer), pidsOf(join(outer, 'nested'))]).toEqual([[], []]);
  const session = await engine.exec(completeExecConfig(x.uid, { command: ['/bin/sleep', '1000'] }));
  expect(pidsOf(join(inner, 'self')).sort()).toEqual([x.pid, session.pid].sort());
  const pids = (await engine.stats()).map(({ name, usage }) => [name, usage.pids]);
  expect(Object.fromEntries(pids)).toEqual({ web: 4, 'web/db': 3, 'web/db/x': 2 });
});

test('one that runs out of its own memory ends alone, and one without a limit by that of its parent', async () => {
  await launch('web', SLEEP, { resources: { memoryLimitBytes: 40 * MIB } });
  await launch('web/own', HOG, { resources: { memoryLimitBytes: 16 * MIB } });
  expect(await engine.wait('web/own')).toMatchObject({
    ...{ reason: 'limitation', message: expect.stringContaining('the memory limit of 16 MiB was hit') },
  });
  // v2 counts what is killed below a group in that, too: it is not the parent's.
  expect((await engine.status('web')).limitations).toEqual([]);
  await launch('web/none', HOG);
  expect(await engine.wait('web/none')).toMatchObject({
    ...{ reason: 'limitation', message: expect.stringContaining('in a container around it') },
  });
  expect(await engine.stop('web', 0)).toMatchObject({ reason: 'killed', limitations: [] });
});

test('on request it shares the limits of its parent', async () => {
  const web = await launch('web', SLEEP, { resources: { pidsLimit: 6 } });
  const db = await launch('web/db', 'for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait', { shareCgroups: true });
  const own = await groupOf(web.uid, db.uid);
  expect(existsSync(join(own, 'pids.max'))).toBe(false);
  const all = join(await groupOf(web.uid), 'pids.current');
  await until('the parent has as many as it may', () => read(all) === '6');
});

test('a pause reaches it, and so does the end', async () => {
  const web = await launch('web', SLEEP);
  const db = await launch('web/db', SLEEP);
  await engine.pause('web');
  expect(read(await groupOf(web.uid, db.uid), 'cgroup.events')).toContain('frozen 1');
  expect((await engine.status('web/db')).state).toBe('paused');
  await engine.stop('web', 0);
  expect(await engine.wait('web/db')).toMatchObject({ reason: 'parent-ended' });
  expect([web.pid, db.pid].filter((pid) => isAlive(pid ?? 0))).toEqual([]);
  await engine.remove('web');
  const group = await groupOf(web.uid);
  await until('its groups are gone', () => !existsSync(group));
});

test('the next engine finds it in its parent', async () => {
  await launch('web', SLEEP);
  const db = await launch('web/db', SLEEP);
  await engine.close();
  engine = await host.open();
  expect(await engine.status('web/db')).toMatchObject({ uid: db.uid, pid: db.pid, state: 'running', depth: 2 });
});
