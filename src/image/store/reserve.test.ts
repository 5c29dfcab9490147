import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { Reserve } from './reserve.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isopod-reserve-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const full = (): Error => Object.assign(new Error('no space'), { code: 'ENOSPC' });
const reserve = (): Reserve => new Reserve(nodeEffects(), root);

/** A disk that has room once so many files are gone. */
function needing(removed: number): () => Promise<string> {
  const before = readdirSync(root).length;
  return async () => {
    if (before - readdirSync(root).length < removed) throw full();
    return 'written';
  };
}

test('it is as long as a list, and no shorter than 64 KiB', async () => {
  await reserve().take(1);
  expect(statSync(join(root, 'reserve')).size).toBe(65_536);
  await reserve().take(100_000);
  expect(statSync(join(root, 'reserve')).size).toBe(100_000);
  await reserve().take(1);
  expect(statSync(join(root, 'reserve')).size).toBe(100_000);
});

test('a disk with room keeps all there is', async () => {
  await reserve().take(1);
  expect(await reserve().within(needing(0))).toBe('written');
  expect(readdirSync(root)).toEqual(['reserve']);
});

test('on a full disk it goes first, and the list for other tools after it', async () => {
  writeFileSync(join(root, 'index.json'), '{}');
  await reserve().take(1);
  expect(await reserve().within(needing(1))).toBe('written');
  expect(readdirSync(root)).toEqual(['index.json']);
  await reserve().take(1);
  expect(await reserve().within(needing(2))).toBe('written');
  expect(readdirSync(root)).toEqual([]);
});

test('a disk that stays full is told, and so is what is no full disk, at once', async () => {
  await expect(reserve().within(needing(1))).rejects.toMatchObject({ code: 'ENOSPC' });
  await reserve().take(1);
  const broken = Object.assign(new Error('broken'), { code: 'EIO' });
  await expect(reserve().within(() => Promise.reject(broken))).rejects.toBe(broken);
  expect(readdirSync(root)).toEqual(['reserve']);
});

test('where there is no room, none is kept', async () => {
  const { files, random } = nodeEffects();
  const writeAtomic = () => Promise.reject(full());
  await new Reserve({ files: { ...files, writeAtomic }, random }, root).take(1);
  expect(readdirSync(root)).toEqual([]);
});
