import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { createFetcher } from '../../src/fetcher/fetcher.ts';
import { type ZipEntry, zipOf } from '../../src/fetcher/zip.fixture.ts';
import { tarOfZip } from '../../src/fetcher/zip-archive.ts';
import { DEFAULT_LIMITS } from '../../src/image/limits.ts';
import { WebClient } from '../../src/image/web/web-client.ts';
import { webWay } from '../../src/image/web/web-way.ts';
import { parseFetches } from '../../src/model/fetch.ts';
import { type UnpackBench, unpackBench } from '../support/unpack-driver.ts';

const directory = mkdtempSync(join(tmpdir(), 'isopod-fetched-'));
const signal = new AbortController().signal;
const { files } = nodeEffects();

afterAll(() => rmSync(directory, { recursive: true }));

async function tarOf(zip: Buffer, limits = DEFAULT_LIMITS): Promise<Buffer> {
  const path = join(directory, 'archive');
  writeFileSync(path, zip);
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarOfZip(files, { path, sizeBytes: zip.length, what: 'the zip' }, limits))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('C7, archives that containers are given', () => {
  let naive: UnpackBench;
  let bench: UnpackBench;
  beforeAll(() => {
    naive = unpackBench(['RESOLVED_PATHS']);
    bench = unpackBench();
  });
  afterAll(() => {
    naive.dispose();
    bench.dispose();
  });

  test('a name in a zip that climbs lands outside where names are joined, and is refused by us', async () => {
    const target = bench.empty();
    const entries: readonly ZipEntry[] = [{ name: '../climbed/out', data: 'x' }];
    for (const { name, data = '' } of entries) {
      mkdirSync(dirname(join(target, name)), { recursive: true });
      writeFileSync(join(target, name), data);
    }
    expect(readdirSync(join(target, '../climbed'))).toEqual(['out']);
    await expect(tarOf(zipOf(entries))).rejects.toMatchObject({ code: 'fetcher.badZip' });
  });

  test('a link in a zip leads out where links are followed, and not with us', async () => {
    const attack = async (where: UnpackBench): Promise<readonly string[]> => {
      const [target, outside] = [where.empty(), where.empty()];
      const entries = [
        { name: 'link', data: outside, mode: 0o120777 },
        { name: 'link/planted', data: 'x' },
      ];
      await where.unpack(target, await tarOf(zipOf(entries)));
      return readdirSync(outside);
    };
    expect(await attack(naive)).toEqual(['planted']);
    expect(await attack(bench)).toEqual([]);
  });

  test('a zip that unpacks to a thousand times its size is a bomb, and is refused before any of it comes', async () => {
    const zip = zipOf(Array.from({ length: 20 }, (_, name) => ({ name: `${name}`, data: Buffer.alloc(1 << 20) })));
    expect(inflateRawSync(zip.subarray(31)).length / zip.length).toBeGreaterThan(40); // the first entry alone
    const limits = { ...DEFAULT_LIMITS, freeInflatedBytes: 1 << 19 };
    await expect(tarOf(zip, limits)).rejects.toMatchObject({ code: 'fetcher.zipTooLarge' });
  });
});

describe('C7, downloads and their cache', () => {
  let server: Server;
  let asked: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = request.url ?? '';
      asked.push(url);
      if (url === '/file') response.end('what its maker wrote');
      else if (url === '/secret') response.end('a secret of this machine');
      else response.writeHead(302, { location: new URL(url).searchParams.get('to') ?? '' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const here = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  test('a file that was changed in the cache is handed on where names are trusted, and by us to nobody', async () => {
    const cache = join(directory, 'cache');
    const fetcher = createFetcher(nodeEffects(), { directory: cache });
    const [item] = parseFetches([{ uri: `${here()}/file`, cache: true }]);
    if (item === undefined) throw new Error('nothing is asked for');
    await (await fetcher.open(item, signal)).release();
    const [name] = readdirSync(cache).filter((other) => other !== 'cache.json');
    const poison = 'what others planted!'; // of the same length
    writeFileSync(join(cache, name ?? ''), poison);
    expect(readFileSync(join(cache, name ?? ''), 'utf8')).toBe(poison);
    const read = async (): Promise<string> => {
      const file = await fetcher.open(item, signal);
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of file.read()) chunks.push(chunk);
      } finally {
        await file.release();
      }
      return Buffer.concat(chunks).toString();
    };
    await expect(read()).rejects.toMatchObject({ code: 'fetcher.wrongDigest' });
    expect(await read()).toBe('what its maker wrote');
  });

  test('a redirect of another machine leads whoever follows it to this one, and not us', async () => {
    const web = new WebClient(5_000, webWay(files, { http_proxy: here() }));
    const from = (to: string): URL => new URL(`http://elsewhere.invalid/?to=${encodeURIComponent(to)}`);
    const location = `${here()}/secret`;
    expect(await (await fetch(location)).text()).toBe('a secret of this machine'); // as whoever follows would
    for (const to of [
      location,
      'http://[::1]/',
      'http://169.254.169.254/latest/',
      'file:///etc/shadow',
      'gopher://h/',
    ]) {
      asked = [];
      await expect(web.get(from(to), signal)).rejects.toMatchObject({ code: 'web.refusedRedirect' });
      expect(asked).toHaveLength(1);
    }
  });
});
