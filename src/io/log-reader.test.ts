import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { parseCriLine } from './cri-log.ts';
import { type LogReadOptions, readLogs } from './log-reader.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-log-'));
  path = join(directory, 'container.log');
});
afterEach(() => rm(directory, { recursive: true }));

const line = (n: number, tag = 'F'): string =>
  `2016-10-06T00:17:${String(n).padStart(2, '0')}.669794202Z stdout ${tag} line ${n}\n`;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join('');

/** @param found gets what is read, as it is read */
async function texts(options: LogReadOptions = {}, found: string[] = []): Promise<string[]> {
  for await (const entry of readLogs(nodeEffects(), [{ format: 'cri', stream: 'both', path }], options)) {
    found.push(Buffer.from(entry.text).toString());
  }
  return found;
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}`);

test('rotated files are read before the current one', async () => {
  await writeFile(`${path}.2`, lines(1, 3));
  await writeFile(`${path}.1`, lines(4, 6));
  await writeFile(path, lines(7, 9));
  expect(await texts()).toEqual(numbered(1, 9));
});

test('the tail reaches back into rotated files', async () => {
  await writeFile(`${path}.1`, lines(1, 6));
  await writeFile(path, lines(7, 9));
  expect(await texts({ tailLines: 5 })).toEqual(numbered(5, 9));
  expect(await texts({ tailLines: 3 })).toEqual(numbered(7, 9));
  expect(await texts({ tailLines: 2 })).toEqual(numbered(8, 9));
  expect(await texts({ tailLines: 0 })).toEqual([]);
  expect(await texts({ tailLines: 100 })).toEqual(numbered(1, 9));
});

test('since leaves out what was written before', async () => {
  await writeFile(path, lines(1, 9));
  expect(await texts({ sinceMs: Date.parse('2016-10-06T00:17:07Z') })).toEqual(numbered(7, 9));
});

test('until leaves out what was written at that time or later', async () => {
  await writeFile(path, lines(1, 9));
  const [sinceMs, untilMs] = [Date.parse('2016-10-06T00:17:03Z'), Date.parse('2016-10-06T00:17:07Z')];
  expect(await texts({ untilMs })).toEqual(numbered(1, 6));
  expect(await texts({ sinceMs, untilMs })).toEqual(numbered(3, 6));
});

test('following ends at the time until which it was asked for', async () => {
  await writeFile(path, lines(1, 2));
  const follow = { ended: new Promise(() => {}), signal: new AbortController().signal };
  expect(await texts({ untilMs: Date.now() + 50, follow })).toEqual(numbered(1, 2));
});

test('a torn line is left out', async () => {
  await writeFile(path, `${line(1)}\0\0\0garbage\n${line(2)}`);
  expect(await texts()).toEqual(['line 1', 'line 2']);
});

test('following goes on across rotations and ends with the container', async () => {
  await writeFile(path, lines(1, 2));
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const read: string[] = [];
  const following = texts({ follow: { ended, signal: new AbortController().signal } }, read);
  await expect.poll(() => read).toEqual(numbered(1, 2));
  await appendFile(path, lines(3, 4));
  await rename(path, `${path}.1`);
  await writeFile(path, lines(5, 6));
  await expect.poll(() => read).toEqual(numbered(1, 6));
  await appendFile(path, line(7));
  end();
  expect(await following).toEqual(numbered(1, 7));
});

test('following stops when the reader goes', async () => {
  await writeFile(path, lines(1, 2));
  const gone = new AbortController();
  const read: string[] = [];
  const following = texts({ follow: { ended: new Promise(() => {}), signal: gone.signal } }, read);
  await expect.poll(() => read).toEqual(numbered(1, 2));
  gone.abort();
  expect(await following).toEqual(numbered(1, 2));
});

test('a raw log refuses since, for it keeps no times', async () => {
  const reading = readLogs(nodeEffects(), [{ format: 'raw', stream: 'stdout', path }], { sinceMs: 1 });
  await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'log.noTimes' });
});

test('a line keeps its spaces and its partial tag', () => {
  const entry = parseCriLine(Buffer.from('2016-10-06T00:17:09.669794202Z stderr P  two  spaces '));
  expect(entry).toMatchObject({ stream: 'stderr', complete: false });
  expect(Buffer.from(entry?.text ?? []).toString()).toBe(' two  spaces ');
});
