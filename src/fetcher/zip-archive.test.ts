import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { parseFetches } from '../model/fetch.ts';
import { createFetcher } from './fetcher.ts';
import { type ZipEntry, zipOf } from './zip.fixture.ts';
import { tarOfZip, type ZipLimits } from './zip-archive.ts';

const LIMITS: ZipLimits = { maxEntries: 10, freeInflatedBytes: 100_000, maxInflationRatio: 10 };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-zip-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function tarOf(zip: Buffer, limits = LIMITS): Promise<Buffer> {
  const path = join(directory, 'archive');
  writeFileSync(path, zip);
  const chunks: Uint8Array[] = [];
  const archive = { path, sizeBytes: zip.length, what: 'the zip' };
  for await (const chunk of tarOfZip(nodeEffects().files, archive, limits)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function listOf(tar: Buffer): string {
  return execFileSync('tar', ['--utc', '--numeric-owner', '-tvf', '-'], { input: tar, encoding: 'utf8' });
}

test('files, directories and links become those of a tar, without rights that users do not set', async () => {
  const long = `deep/${'x'.repeat(200)}`;
  const tar = await tarOf(
    zipOf([
      { name: 'dir/' },
      { name: 'dir/run', data: '#!', mode: 0o104755 },
      { name: 'dir/plain', data: 'text', stored: true },
      { name: 'link', data: `${'../'.repeat(50)}etc`, mode: 0o120777 },
      { name: long, data: 'y' },
    ]),
  );
  expect(listOf(tar).replaceAll(/ +/g, ' ').trim().split('\n')).toEqual([
    'drwxr-xr-x 0/0 0 2025-01-01 00:00 dir/',
    '-rwxr-xr-x 0/0 2 2025-01-01 00:00 dir/run',
    '-rw-r--r-- 0/0 4 2025-01-01 00:00 dir/plain',
    `lrwxrwxrwx 0/0 0 2025-01-01 00:00 link -> ${'../'.repeat(50)}etc`,
    `-rw-r--r-- 0/0 1 2025-01-01 00:00 ${long}`,
  ]);
  const content = execFileSync('tar', ['-xOf', '-', 'dir/plain'], { input: tar, encoding: 'utf8' });
  expect(content).toBe('text');
});

test('one without entries is an empty tar', async () => {
  expect(listOf(await tarOf(zipOf([])))).toBe('');
});

describe('what is refused', () => {
  test.each<[string, readonly ZipEntry[], string]>([
    ['a name that leads out', [{ name: '../out', data: 'x' }], 'fetcher.badZip'],
    ['a name from the root', [{ name: '/etc/passwd', data: 'x' }], 'fetcher.badZip'],
    ['a name of another system', [{ name: 'C:/x', data: 'x' }], 'fetcher.badZip'],
    ['a NUL in a name', [{ name: 'a\0b', data: 'x' }], 'fetcher.refusedZip'],
    ['a device', [{ name: 'null', mode: 0o020666 }], 'fetcher.refusedZip'],
    ['what is encrypted', [{ name: 'secret', data: 'x', claims: { flags: 0x0801 } }], 'fetcher.refusedZip'],
    ['a link of no length', [{ name: 'link', mode: 0o120777 }], 'fetcher.refusedZip'],
    ['a link that is too long', [{ name: 'link', data: 'x'.repeat(5000), mode: 0o120777 }], 'fetcher.refusedZip'],
    ['a wrong checksum', [{ name: 'file', data: 'x', claims: { crc: 1 } }], 'fetcher.badZip'],
    ['less than is announced', [{ name: 'file', data: 'x', claims: { sizeBytes: 9 } }], 'fetcher.badZip'],
    ['more than is announced', [{ name: 'file', data: 'x'.repeat(99), claims: { sizeBytes: 9 } }], 'fetcher.badZip'],
    ['a bomb', [{ name: 'bomb', data: Buffer.alloc(200_000) }], 'fetcher.zipTooLarge'],
    ['too many entries', Array.from({ length: 11 }, (_, name) => ({ name: `${name}` })), 'fetcher.zipTooLarge'],
  ])('%s', async (_, entries, code) => {
    await expect(tarOf(zipOf(entries))).rejects.toMatchObject({ code });
  });

  test('one that is cut short', async () => {
    const zip = zipOf([{ name: 'file', data: 'x' }]);
    await expect(tarOf(zip.subarray(0, zip.length - 10))).rejects.toMatchObject({ code: 'fetcher.badZip' });
  });
});

test('a fetched zip is told by its bytes, verified before it is unpacked, and its copy goes', async () => {
  const path = join(directory, 'named-otherwise');
  writeFileSync(path, zipOf([{ name: 'file', data: 'x' }]));
  const cache = join(directory, 'cache');
  const fetcher = createFetcher(nodeEffects(), { directory: cache });
  const open = async (digest?: string) => {
    const [item] = parseFetches([{ uri: `file://${path}`, extract: true, digest }]);
    if (item === undefined) throw new Error('nothing is asked for');
    const file = await fetcher.open(item, new AbortController().signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.unzip?.() ?? []) chunks.push(chunk);
    return listOf(Buffer.concat(chunks));
  };
  expect(await open()).toContain('file');
  await expect(open(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'fetcher.wrongDigest' });
  expect(readdirSync(cache)).toEqual([]);
});
