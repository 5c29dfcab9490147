import { expect, test } from 'vitest';
import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import type { Grant } from '../../../model/access.ts';
import type { ContainerRequest } from '../../../model/check-request.ts';
import { type ContainerUid, parseContainerUid } from '../../../model/container-id.ts';
import { completeConfig } from '../../../model/container-request.ts';
import { fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import { ConfinedEngine } from './confined-engine.ts';
import { SeenContainers } from './seen-containers.ts';

const [TOP, CHILD, GRANDCHILD, OTHER] = ['a', 'b', 'c', 'd'].map((digit) => parseContainerUid(digit.repeat(12))) as [
  ContainerUid,
  ContainerUid,
  ContainerUid,
  ContainerUid,
];

const IMAGE: ContainerRequest = { rootfs: { kind: 'image', reference: 'hello' } };
const nested = (uid: ContainerUid, path: string, parent?: ContainerUid): ContainerStatus => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { ...statusOf(completeConfig({ ...IMAGE, name })), uid, path, parent };
};
const ALL = [
  nested(TOP, 'top'),
  nested(CHILD, 'top/child', TOP),
  nested(GRANDCHILD, 'top/child/grandchild', CHILD),
  nested(OTHER, 'other'),
];

/** The engine as somebody has it who is confined to the first container; what reaches the real one is noted. */
function confinedTo(grant: Grant): { readonly engine: Engine; readonly done: unknown[] } {
  const done: unknown[] = [];
  const note =
    (what: string) =>
    async (...values: unknown[]): Promise<never> => {
      done.push([what, ...values]);
      return ALL[0] as never;
    };
  const real = fakeEngine({
    check: async (id) => ALL.find(({ uid, path }) => uid === id || path === id),
    list: async () => ALL,
    launch: async (config) => {
      done.push(['launch', config.parent]);
      return { status: statusOf(config), stream: undefined, timings: [], warnings: [] };
    },
    ...{ kill: note('kill'), update: note('update') },
    volumes: { get: () => Promise.reject(new Error('asked for a volume')) } as never,
  });
  const ports = { seen: new SeenContainers(), harmlessPaths: [] };
  return { engine: new ConfinedEngine(real, { name: 'token t', grant }, ports), done };
}

const SUBTREE: Grant = { role: 'operate', scope: { container: TOP } };
const refused = (code: string) => expect.objectContaining({ code: `access.${code}` });

test('who is confined to a container sees it and all below it', async () => {
  const { engine } = confinedTo(SUBTREE);
  expect((await engine.list()).map(({ uid }) => uid)).toEqual([TOP, CHILD, GRANDCHILD]);
  expect((await engine.status('top/child/grandchild')).uid).toBe(GRANDCHILD);
  await expect(engine.status('other')).rejects.toEqual(refused('foreignContainer'));
  await expect(engine.kill(OTHER, 9)).rejects.toEqual(refused('foreignContainer'));
});

test('who is confined to a container makes others below it only, and the parent is handed on by its uid', async () => {
  const { engine, done } = confinedTo(SUBTREE);
  await expect(engine.launch(completeConfig(IMAGE))).rejects.toEqual(refused('notBelow'));
  await expect(engine.launch(completeConfig({ ...IMAGE, parent: 'other' }))).rejects.toEqual(
    refused('foreignContainer'),
  );
  expect(done).toEqual([]);
  await engine.launch(completeConfig({ ...IMAGE, parent: 'top' }));
  await engine.launch(completeConfig({ ...IMAGE, parent: 'top/child/grandchild' }));
  expect(done).toEqual([
    ['launch', TOP],
    ['launch', GRANDCHILD],
  ]);
});

test('who is confined to a container has no named volumes', async () => {
  const volumes = [{ kind: 'named', name: 'data', containerPath: '/d', readOnly: false } as const];
  const { engine } = confinedTo(SUBTREE);
  await expect(engine.launch(completeConfig({ ...IMAGE, parent: 'top', volumes }))).rejects.toEqual(
    refused('notBelow'),
  );
});

test('bounds of the container itself are not for who is confined to it, those of what is in it are', async () => {
  const { engine, done } = confinedTo(SUBTREE);
  await expect(engine.update(TOP, { memoryLimitBytes: 1 << 40 })).rejects.toEqual(refused('ownBounds'));
  await engine.update('top/child', { memoryLimitBytes: 1 << 20 });
  expect(done).toEqual([['update', CHILD, { memoryLimitBytes: 1 << 20 }, undefined, undefined]]);
});

test('what reaches the host comes by no update either', async () => {
  const { engine, done } = confinedTo({ role: 'operate' });
  const device = { hostPath: '/dev/sda', containerPath: '/dev/sda', access: 'rw' };
  await expect(engine.update(CHILD, {}, { add: [device] })).rejects.toEqual(refused('outOfReach'));
  await expect(engine.update(CHILD, { oomKillDisabled: true })).rejects.toEqual(refused('outOfReach'));
  await engine.update(CHILD, { oomKillDisabled: null });
  expect(done).toHaveLength(1);
});

test('an image of a directory of the host is brought by an admin alone', async () => {
  const { engine, done } = confinedTo({ role: 'operate' });
  for (const reference of ['oci:/root/x', 'oci-archive:/root/x.tar:a']) {
    await expect(engine.pullImage(reference, {})).rejects.toEqual(refused('outOfReach'));
    const rootfs = { kind: 'image', reference } as const;
    await expect(engine.launch(completeConfig({ rootfs }))).rejects.toEqual(refused('outOfReach'));
  }
  expect(done).toEqual([]);
  const admin = confinedTo({ role: 'admin', scope: { labels: { team: 'a' } } }).engine;
  await expect(admin.pullImage('oci:/root/x', {})).rejects.not.toEqual(refused('outOfReach'));
});

test('the agent as a whole is nothing to who is confined', async () => {
  const { engine } = confinedTo(SUBTREE);
  expect(() => engine.diagnostics).toThrow(refused('wholeAgent'));
  await expect(engine.removeImage('hello')).rejects.toEqual(refused('wholeAgent'));
  await expect(engine.close()).rejects.toEqual(refused('wholeAgent'));
});

test('a uid that begins like a foreign one is still known by its own digits', async () => {
  const twin = nested(parseContainerUid(`aa${'1'.repeat(10)}`), 'twin');
  ALL.push(twin);
  const { engine } = confinedTo({ role: 'read', scope: { container: twin.uid } });
  expect((await engine.status('aa')).uid).toBe(twin.uid);
  ALL.pop();
});

test('a label that a container has of its image brings it into no scope', async () => {
  const config = completeConfig({ ...IMAGE, name: 'lured', labels: { team: 'a' } });
  const uid = parseContainerUid('e'.repeat(12));
  ALL.push({ ...statusOf(config), uid, path: 'lured', inheritedLabels: ['team'] });
  const { engine } = confinedTo({ role: 'operate', scope: { labels: { team: 'a' } } });
  expect(await engine.list()).toEqual([]);
  await expect(engine.status(uid)).rejects.toEqual(refused('foreignContainer'));
  ALL.pop();
});
