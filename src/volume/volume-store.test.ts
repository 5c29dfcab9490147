import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import type { Volume } from '../model/volume.ts';
import type { Step } from '../model/wire.ts';
import { volumeDriverContract } from './driver.contract.ts';
import { localDriver } from './local-driver.ts';
import { createVolumes } from './volume-store.ts';
import type { Volumes } from './volumes.ts';

const effects = nodeEffects();
const local = () => localDriver(effects.files);

volumeDriverContract(local, { good: {}, bad: { size: '1g' } });
volumeDriverContract(local, { good: { type: 'none', o: 'bind', device: '/srv' }, bad: { type: 'nfs', device: ':/x' } });

let root: string;
let problems: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isopod-volumes-'));
  problems = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const NOBODY = () => [];
const named = (name: string, containerPath = '/c'): Volume => ({ kind: 'named', name, containerPath, readOnly: false });

/** A store as the next engine on this directory opens it. */
async function open(): Promise<Volumes> {
  const volumes = createVolumes({
    ...{ effects, directory: join(root, 'volumes'), drivers: [local()] },
    runHostSteps: async (steps: readonly Step[]) => {
      for (const { values } of steps) rmSync(join(String(values.directory), String(values.name)), { recursive: true });
    },
    report: (what) => problems.push(what),
  });
  await volumes.load();
  return volumes;
}

const entries = (): readonly string[] => readdirSync(join(root, 'volumes')).sort();

test('a volume is there for the next engine, with all that was said of it', async () => {
  await (await open()).create({ name: 'data', labels: { a: 'b' } });
  expect((await open()).get('data')).toMatchObject({
    ...{ name: 'data', driver: 'local', labels: { a: 'b' }, anonymous: false, used: false },
    mountPoint: join(root, 'volumes/data/data'),
  });
});

test('to make it again is no error, unless something else is wanted', async () => {
  const volumes = await open();
  await volumes.create({ name: 'data', labels: { a: 'b' } });
  await volumes.create({ name: 'data' });
  await expect(volumes.create({ name: 'data', labels: {} })).rejects.toMatchObject({ kind: 'already-exists' });
});

test('a name that is none, and a driver that is none, are refused', async () => {
  const volumes = await open();
  await expect(volumes.create({ name: '../x' })).rejects.toThrow('does not match');
  await expect(volumes.create({ name: 'x', driver: 'cloud' })).rejects.toThrow('"cloud" is not one of local');
  expect(entries()).toEqual([]);
});

test('what was half made or half removed is swept, and what is damaged stays', async () => {
  mkdirSync(join(root, 'volumes/.tmp-half/data'), { recursive: true });
  mkdirSync(join(root, 'volumes/broken/data'), { recursive: true });
  writeFileSync(join(root, 'volumes/broken/data/precious'), 'x');
  const volumes = await open();
  expect(entries()).toEqual(['broken']);
  expect(problems).toEqual(['volume broken is left alone']);
  await expect(volumes.acquire([named('broken')], 'u')).rejects.toMatchObject({ kind: 'data-loss' });
  expect(existsSync(join(root, 'volumes/broken/data/precious'))).toBe(true);
});

test('a volume that a container has is not removed', async () => {
  const volumes = await open();
  await volumes.acquire([named('data')], 'u');
  await expect(volumes.remove('data', () => ['u'])).rejects.toThrow('volume data is used by u');
  await volumes.remove('data', NOBODY);
  expect(entries()).toEqual([]);
  expect(() => volumes.get('data')).toThrow('there is no volume data');
});

test('two containers that want a new volume at once get the same', async () => {
  const volumes = await open();
  const both = await Promise.all([volumes.acquire([named('data')], 'a'), volumes.acquire([named('data', '/d')], 'b')]);
  expect(both.map((sources) => Object.values(sources)[0])).toEqual([both[0]['/c'], both[0]['/c']]);
});

test('it is filled until somebody has used it', async () => {
  const volumes = await open();
  expect(await volumes.acquire([named('data')], 'u')).toMatchObject({ '/c': { fill: 'completing' } });
  await volumes.markUsed(['data']);
  expect((await volumes.acquire([named('data')], 'u'))['/c']).not.toHaveProperty('fill');
  expect((await (await open()).acquire([named('data')], 'u'))['/c']).not.toHaveProperty('fill');
});

describe('a volume that was made for a container', () => {
  const own: Volume = { ...named('anon'), kind: 'named', anonymous: true };

  test('goes with it', async () => {
    const volumes = await open();
    await volumes.acquire([own, named('data', '/d')], 'u');
    await volumes.removeOwned('u', NOBODY);
    expect(entries()).toEqual(['data']);
  });

  test('stays when another has it, or when it is to be kept, and then belongs to nobody', async () => {
    const volumes = await open();
    await volumes.acquire([own], 'u');
    await volumes.removeOwned('u', () => ['other']);
    await volumes.sweep(async () => false);
    expect(entries()).toEqual(['anon']);
    await volumes.remove('anon', NOBODY);
    await volumes.acquire([own], 'u');
    await volumes.keepOwned('u');
    await (await open()).sweep(async () => false);
    expect(entries()).toEqual(['anon']);
  });

  test('is swept by the next engine when the container is not there', async () => {
    await (await open()).acquire([own, named('data', '/d')], 'u');
    const next = await open();
    await next.sweep(async (uid) => uid === 'u');
    expect(entries()).toEqual(['anon', 'data']);
    await next.sweep(async () => false);
    expect(entries()).toEqual(['data']);
  });
});

test('what is only explained is not made', async () => {
  const volumes = await open();
  expect(volumes.preview([named('data')])).toMatchObject({ '/c': { path: join(root, 'volumes/data/data') } });
  expect(entries()).toEqual([]);
});

test('a record holds what its documentation says', async () => {
  await (await open()).create({ name: 'data', options: { type: 'none', o: 'bind', device: '/srv' } });
  expect(JSON.parse(readFileSync(join(root, 'volumes/data/volume.json'), 'utf8'))).toMatchObject({
    ...{ schemaVersion: 1, name: 'data', options: { device: '/srv' }, used: false },
  });
});

test('whoever listens is told of volumes that come and go, of those of a container too', async () => {
  const volumes = await open();
  const told: string[] = [];
  volumes.onChange((kind, name) => told.push(`${kind} ${name}`));
  await volumes.create({ name: 'data' });
  await volumes.create({ name: 'data' });
  await volumes.acquire([{ ...named('cache'), anonymous: true } as Volume], 'owner');
  await volumes.removeOwned('owner', NOBODY);
  await volumes.remove('data', NOBODY);
  expect(told).toEqual(['created data', 'created cache', 'removed cache', 'removed data']);
});
