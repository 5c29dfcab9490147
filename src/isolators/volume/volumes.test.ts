import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { VolumeRequest } from '../../model/volume.ts';
import { environmentSecrets } from '../environment-secret.ts';
import { isolatorContract } from '../isolator.contract.ts';
import { planInput, prepareAndPlan } from '../isolator.fixture.ts';
import type { Isolator, PlanInput } from '../isolator.ts';
import { hostPathVolumes } from './host-path.ts';
import { imageVolumes } from './image.ts';
import { namedVolumes } from './named.ts';
import { sandboxPathVolumes } from './sandbox-path.ts';
import { secretVolumes } from './secret.ts';
import { tmpfsVolumes } from './tmpfs.ts';

const at = { containerPath: '/c', readOnly: false } as const;
const NAMED: VolumeRequest = { kind: 'named', name: 'v', ...at };
const IMAGE: VolumeRequest = { kind: 'image', reference: 'i', ...at };
const LAYERS = { volumeSources: { '/c': { kind: 'layers', lowerDirs: ['/l/2', '/l/1'] } } } as const;

function directory(fill?: 'completing' | 'when-empty'): Partial<PlanInput> {
  return { volumeSources: { '/c': { kind: 'directory', path: '/volumes/v/data', ...(fill && { fill }) } } };
}

const input = (volume: VolumeRequest, fields: Partial<PlanInput> = {}) => planInput({ volumes: [volume] }, fields);

isolatorContract(hostPathVolumes, input({ kind: 'host-path', hostPath: '/data', ...at }));
isolatorContract(namedVolumes, input(NAMED, directory()));
isolatorContract(tmpfsVolumes, input({ kind: 'tmpfs', ...at }));
isolatorContract(imageVolumes, input(IMAGE, LAYERS));
isolatorContract(secretVolumes, input({ kind: 'secret', secret: 's', ...at }));
isolatorContract(sandboxPathVolumes, input({ kind: 'sandbox', of: 'self', path: 'a', ...at }));
isolatorContract(environmentSecrets, planInput({ secretVariables: [{ variable: 'V', secret: 's' }] }));

async function mountOf(isolator: Isolator, of: PlanInput) {
  return (await prepareAndPlan(isolator, of)).mounts?.[0];
}

describe('a host path', () => {
  const SHARED = '30 1 8:1 / / rw shared:1 - ext4 /dev/a rw\n40 30 8:1 /x /private rw - ext4 /dev/a rw\n';
  const files = memoryFiles({
    ...{ '/data/x': '', '/private/x': '', '/link': '-> /private', '/proc/self/mountinfo': SHARED },
  });
  const bind = (volume: Partial<VolumeRequest> & { readonly hostPath: string }) =>
    mountOf(hostPathVolumes({ files }), input({ kind: 'host-path', ...at, ...volume } as VolumeRequest));

  test('on a shared mount may propagate, and what is on a private one may not, by whatever way it is reached', async () => {
    expect(await bind({ hostPath: '/data', propagation: 'shared' })).toMatchObject({ propagation: 'shared' });
    await expect(bind({ hostPath: '/link', propagation: 'slave' })).rejects.toThrow('/private, is not shared');
  });

  test('that is read-only leaves the mounts below it writable when asked', async () => {
    expect(await bind({ hostPath: '/data', readOnly: true, recursion: 'writable' })).toMatchObject({
      ...{ attributes: ['nodev'], topAttributes: ['ro'], recursive: true },
    });
  });

  test('that is a device is one, and every other grants none', async () => {
    const device = memoryFiles({ '/dev/mine': '= character 1:5' });
    const volume = { kind: 'host-path', hostPath: '/dev/mine', ...at } as const;
    expect(await mountOf(hostPathVolumes({ files: device }), input(volume))).toMatchObject({
      ...{ attributes: [], create: 'file' },
    });
    expect(await bind({ hostPath: '/data' })).toMatchObject({ attributes: ['nodev'], create: 'directory' });
  });

  test('without recursion is its top alone', async () => {
    expect(await bind({ hostPath: '/data', recursion: 'disabled' })).toMatchObject({ recursive: false });
  });
});

test('a fresh volume is filled, unless that is not wanted', async () => {
  expect(await mountOf(namedVolumes(), input(NAMED, directory('completing')))).toMatchObject({
    ...{ source: '/volumes/v/data', fill: 'completing', attributes: ['nodev'] },
  });
  const unfilled = await mountOf(namedVolumes(), input({ ...NAMED, noCopy: true }, directory('completing')));
  expect(unfilled).not.toHaveProperty('fill');
});

test("a directory of the sandbox of a parent is everybody's, and below it the helper finds the way", async () => {
  const init = { container: planInput().uid, pid: 42, startTime: '7' };
  const of = { init, config: planInput().config, namespaces: [], runtimeDir: '/w/files', sandboxDir: '/w/sandbox' };
  const shared = planInput(
    { parent: 'web', volumes: [{ kind: 'sandbox', of: 'parent', path: 'box/a/b', ...at }] },
    { parent: of },
  );
  const made: unknown[] = [];
  const makeDirectory = async (...call: unknown[]): Promise<void> => {
    made.push(call);
  };
  const files = { ...memoryFiles({}), makeDirectory };
  const mount = await mountOf(sandboxPathVolumes({ files }), shared);
  expect(mount).toMatchObject({ source: '/w/sandbox/box', subpath: 'a/b' });
  expect(mount).not.toHaveProperty('chown');
  expect(made).toEqual([['/w/sandbox/box', { mode: 0o1777, parents: true }]]);
});

test('a tmpfs has neither programs nor devices, unless asked', async () => {
  expect(await mountOf(tmpfsVolumes(), input({ kind: 'tmpfs', ...at }))).toMatchObject({
    ...{ options: ['mode=1777'], attributes: ['nosuid', 'nodev', 'noexec'] },
  });
  const asked = input({ kind: 'tmpfs', ...at, sizeBytes: 8192, uid: 1, exec: true, suid: true, dev: true });
  expect(await mountOf(tmpfsVolumes(), asked)).toMatchObject({
    ...{ options: ['mode=1777', 'size=8192', 'uid=1'], attributes: [] },
  });
});

test('a secret is never swapped out, and the plan holds its name alone', async () => {
  expect(await mountOf(secretVolumes(), input({ kind: 'secret', secret: 's', ...at, uid: 7 }))).toMatchObject({
    type: 'ramfs',
    content: [{ kind: 'secret', secret: 's', mode: 0o400, uid: 7, gid: 0 }],
  });
});

test('what nobody has found is an error of ours', async () => {
  await expect(mountOf(namedVolumes(), input(NAMED))).rejects.toMatchObject({ kind: 'internal' });
  await expect(mountOf(imageVolumes(), input(IMAGE))).rejects.toMatchObject({ kind: 'internal' });
});

test('an image is shown in a user namespace only where its layers are', async () => {
  const userNamespace = { uids: [], gids: [] };
  const shown = input(IMAGE, { ...LAYERS, userNamespace: { ...userNamespace, files: 'idmapped' } });
  expect(await mountOf(imageVolumes(), shown)).toMatchObject({ kind: 'image', lowerDirs: ['/l/2', '/l/1'] });
  const copied = input(IMAGE, { ...LAYERS, userNamespace: { ...userNamespace, files: 'shifted' } });
  await expect(mountOf(imageVolumes(), copied)).rejects.toMatchObject({ kind: 'failed-precondition' });
});

test.each<VolumeRequest>([
  { kind: 'tmpfs', ...at, containerPath: '/proc/sys' },
  { kind: 'secret', secret: 's', ...at, containerPath: '/dev/pts/0' },
  { kind: 'named', name: 'v', ...at, containerPath: '/sys' },
])('$kind over what the engine must trust is refused', async (volume) => {
  const isolators = [tmpfsVolumes(), secretVolumes(), namedVolumes()];
  const isolator = isolators.find(({ appliesTo }) => appliesTo?.(input(volume).config, input(volume).host));
  if (isolator === undefined) throw new Error('no isolator applies');
  await expect(mountOf(isolator, input(volume, directory()))).rejects.toThrow('would lie over');
});
