import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { filePlace } from './file-place.ts';

const { files } = nodeEffects();
let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-place-'));
  mkdirSync(at('directory'));
  writeFileSync(at('file'), 'old');
  symlinkSync('file', at('link'));
  symlinkSync('nowhere', at('dangling'));
  symlinkSync('pipe', at('to-pipe'));
  execFileSync('mkfifo', [at('pipe')]);
});
afterEach(() => rmSync(directory, { recursive: true }));

test.each([
  ['nothing', 'new', 'new'],
  ['a file', 'file', 'file'],
  ['a symlink to a file, which stays', 'link', 'file'],
  ['what is in no directory, which opening it tells', 'none/new', 'none/new'],
])('%s is the place of a new file', async (_what, name, place) => {
  expect(await filePlace(at(name), files)).toBe(at(place));
});

test.each([
  ['pipe', 'device, pipe or socket'],
  ['to-pipe', 'device, pipe or socket'],
  ['dangling', 'symlink to nothing'],
  ['directory', 'directory'],
])('%s is left as it is', async (name, kind) => {
  await expect(filePlace(at(name), files)).rejects.toMatchObject({
    code: 'file-place.noFile',
    message: expect.stringContaining(`${at(name)} is no file but a ${kind}`),
  });
  expect(statSync(at('pipe')).isFIFO()).toBe(true);
  expect(readFileSync(at('file'), 'utf8')).toBe('old');
});
