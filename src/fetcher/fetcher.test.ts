import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { type FetchRequest, parseFetches } from '../model/fetch.ts';
import type { DownloadLimits } from './download-cache.ts';
import { createFetcher, type FetchedFile, type Fetcher } from './fetcher.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let directory: string;
let server: Server;
let asked: string[];
let answer: Answer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-fetcher-'));
  asked = [];
  answer = (request, response) => response.end(`content of ${request.url}`);
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

const cacheDirectory = (): string => join(directory, 'cache');
const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

function fetcher(limits: Partial<DownloadLimits> = {}, stallMs = 5_000): Fetcher {
  const retry = { requestAttempts: 3, retryDelayMs: 1, maxRetryDelayMs: 5_000 };
  return createFetcher(nodeEffects(), { directory: cacheDirectory(), limits: { retry, ...limits }, stallMs });
}

function open(from: Fetcher, request: FetchRequest, signal = new AbortController().signal): Promise<FetchedFile> {
  const [item] = parseFetches([request]);
  if (item === undefined) throw new Error('nothing is asked for');
  return from.open(item, signal);
}

async function textOf(file: FetchedFile): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function fetched(from: Fetcher, request: FetchRequest): Promise<string> {
  const file = await open(from, request);
  try {
    return await textOf(file);
  } finally {
    await file.release();
  }
}

/** Files of the cache; the list of it is none. */
function files(): readonly string[] {
  return readdirSync(cacheDirectory()).filter((name) => name !== 'cache.json');
}

describe('a file from the web', () => {
  test('is there until it is released, and then gone', async () => {
    const file = await open(fetcher(), { uri: url('/a') });
    expect(await textOf(file)).toBe('content of /a');
    expect(file.sizeBytes).toBe(13);
    expect(files()).toHaveLength(1);
    await file.release();
    expect(files()).toEqual([]);
  });

  test('is taken when its digest is right, and leaves nothing when it is not', async () => {
    const from = fetcher();
    expect(await fetched(from, { uri: url('/a'), digest: digestOf('content of /a') })).toBe('content of /a');
    await expect(open(from, { uri: url('/a'), digest: digestOf('other') })).rejects.toMatchObject({
      code: 'fetcher.wrongDigest',
      kind: 'data-loss',
    });
    expect(files()).toEqual([]);
  });

  test.each<[string, Answer, string]>([
    ['that is not there', (_, response) => response.writeHead(404).end(), 'fetcher.missing'],
    ['of a server that fails', (_, response) => response.writeHead(500).end('x'), 'fetcher.answered'],
    [
      'that breaks off',
      (_, response) => response.writeHead(200, { 'content-length': 10 }).write('x', () => response.destroy()),
      'web.cutShort',
    ],
    [
      'that redirects for ever',
      (_, response) => response.writeHead(302, { location: '/b' }).end(),
      'web.tooManyRedirects',
    ],
    [
      'that leads to another scheme',
      (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      'web.refusedRedirect',
    ],
    ['that is larger than it may be', (_, response) => response.end('x'.repeat(2000)), 'web.tooLarge'],
    [
      'that does not say how large it is, and is too large',
      (_, response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('x'.repeat(2000)),
      'web.tooLarge',
    ],
  ])('%s is refused, and nothing of it stays', async (_, misbehave, code) => {
    answer = misbehave;
    await expect(open(fetcher({ maxFileBytes: 1000 }), { uri: url('/a') })).rejects.toMatchObject({ code });
    expect(files()).toEqual([]);
  });

  test('of a server that falls silent is given up', async () => {
    answer = (_, response) => response.writeHead(200, { 'content-length': 10 }).write('x');
    await expect(open(fetcher({}, 200), { uri: url('/a') })).rejects.toMatchObject({ code: 'web.stalled' });
    expect(files()).toEqual([]);
  });

  test('follows a redirect', async () => {
    answer = (request, response) => {
      if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
      else response.end('moved');
    };
    expect(await fetched(fetcher(), { uri: url('/a') })).toBe('moved');
  });

  test('is given up with who asked for it, and nothing of it stays', async () => {
    const reached = Promise.withResolvers<void>();
    answer = (_, response) => response.writeHead(200, { 'content-length': 10 }).write('x', () => reached.resolve());
    const end = new AbortController();
    const opening = open(fetcher(), { uri: url('/a') }, end.signal);
    await reached.promise;
    end.abort();
    await expect(opening).rejects.toMatchObject({ kind: 'cancelled' });
    expect(files()).toEqual([]);
  });

  test('that several ask for at the same time comes once, and stays until the last of them has done', async () => {
    const from = fetcher();
    const opened = await Promise.all([1, 2, 3].map(() => open(from, { uri: url('/a') })));
    expect(asked).toEqual(['/a']);
    for (const [index, file] of opened.entries()) {
      expect(await textOf(file)).toBe('content of /a');
      await file.release();
      expect(files()).toHaveLength(index === 2 ? 0 : 1);
    }
  });
});

describe('the cache', () => {
  test('keeps what it was told to, for a later process too', async () => {
    await fetched(fetcher(), { uri: url('/a'), cache: true });
    expect(await fetched(fetcher(), { uri: url('/a'), cache: true })).toBe('content of /a');
    expect(asked).toEqual(['/a']);
  });

  test('is nothing for who does not ask for it: what is there now comes, and what is kept stays', async () => {
    const from = fetcher();
    await fetched(from, { uri: url('/a'), cache: true });
    answer = (_, response) => response.end('newer');
    expect(await fetched(from, { uri: url('/a') })).toBe('newer');
    expect(await fetched(from, { uri: url('/a'), cache: true })).toBe('content of /a');
    expect(asked).toEqual(['/a', '/a']);
    expect(files()).toHaveLength(1);
  });

  test('serves who says by a digest which bytes are wanted', async () => {
    const from = fetcher();
    const digest = digestOf('content of /a');
    await fetched(from, { uri: url('/a'), cache: true, digest });
    expect(await fetched(from, { uri: url('/a'), digest })).toBe('content of /a');
    expect(asked).toEqual(['/a']);
  });

  test('keeps a download that was shared with who does not ask for that', async () => {
    const from = fetcher();
    const first = Promise.withResolvers<void>();
    answer = async (_, response) => {
      if (asked.length === 1) await first.promise;
      response.end(`answer ${asked.length}`);
    };
    const older = [open(from, { uri: url('/a') }), open(from, { uri: url('/a'), cache: true })];
    first.resolve();
    const [plain, kept] = await Promise.all(older);
    await plain?.release();
    expect(files()).toHaveLength(1);
    await kept?.release();
    expect(await fetched(from, { uri: url('/a'), cache: true })).toBe('answer 1');
    expect(await fetched(from, { uri: url('/a') })).toBe('answer 2');
    expect(files()).toHaveLength(1);
  });

  test('asks again for what is to have another digest', async () => {
    const from = fetcher();
    await fetched(from, { uri: url('/a'), cache: true });
    await fetched(from, { uri: url('/a'), cache: true, digest: digestOf('content of /a') });
    expect(asked).toEqual(['/a', '/a']);
  });

  test('lets what was unused the longest go when it is full', async () => {
    const from = fetcher({ maxCacheBytes: 30 });
    await fetched(from, { uri: url('/a'), cache: true });
    await fetched(from, { uri: url('/b'), cache: true });
    await fetched(from, { uri: url('/a'), cache: true });
    await fetched(from, { uri: url('/c'), cache: true });
    expect(files()).toHaveLength(2);
    await fetched(from, { uri: url('/a'), cache: true });
    expect(asked).toEqual(['/a', '/b', '/c']);
    await fetched(from, { uri: url('/b'), cache: true });
    expect(asked).toEqual(['/a', '/b', '/c', '/b']);
  });

  test('keeps nothing that is larger than itself, and takes away nothing that is in use', async () => {
    const small = fetcher({ maxCacheBytes: 20 });
    answer = (request, response) => response.end(request.url === '/large' ? 'x'.repeat(100) : 'x'.repeat(15));
    const held = await open(small, { uri: url('/a'), cache: true });
    await fetched(small, { uri: url('/large'), cache: true });
    await fetched(small, { uri: url('/b'), cache: true });
    expect(files()).toHaveLength(1);
    expect(await textOf(held)).toBe('x'.repeat(15));
    await held.release();
    expect(files()).toHaveLength(1);
  });

  test('fetches again what was changed in it, once somebody has seen that', async () => {
    const from = fetcher();
    await fetched(from, { uri: url('/a'), cache: true });
    const [name = ''] = files();
    writeFileSync(join(cacheDirectory(), name), 'CONTENT of /a');
    await expect(fetched(from, { uri: url('/a'), cache: true })).rejects.toMatchObject({ code: 'fetcher.wrongDigest' });
    expect(await fetched(from, { uri: url('/a'), cache: true })).toBe('content of /a');
  });

  test('sweeps what an earlier process has left unfinished, and what its list does not know', async () => {
    await fetched(fetcher(), { uri: url('/a'), cache: true });
    writeFileSync(join(cacheDirectory(), '.tmp-1'), 'part');
    writeFileSync(join(cacheDirectory(), 'f'.repeat(32)), 'unknown');
    await fetcher().recover();
    expect(files()).toHaveLength(1);
  });

  test('begins anew when its list is damaged', async () => {
    await fetched(fetcher(), { uri: url('/a'), cache: true });
    writeFileSync(join(cacheDirectory(), 'cache.json'), '{');
    const from = fetcher();
    await from.recover();
    expect(files()).toEqual([]);
    await fetched(from, { uri: url('/a'), cache: true });
    expect(JSON.parse(readFileSync(join(cacheDirectory(), 'cache.json'), 'utf8')).kept).toHaveLength(1);
  });
});

describe('a file of the host', () => {
  test('is read where it is', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'of the host');
    expect(await fetched(fetcher(), { uri: `file://${path}`, digest: digestOf('of the host') })).toBe('of the host');
    await expect(fetched(fetcher(), { uri: `file://${path}`, digest: digestOf('x') })).rejects.toMatchObject({
      code: 'fetcher.wrongDigest',
    });
  });

  test('that is not there, or is no file, is refused', async () => {
    await expect(open(fetcher(), { uri: `file://${directory}/none` })).rejects.toMatchObject({
      code: 'fetcher.noFile',
    });
    await expect(open(fetcher(), { uri: `file://${directory}`, output: 'x' })).rejects.toMatchObject({
      code: 'fetcher.notAFile',
    });
    await expect(open(fetcher(), { uri: 'file:///dev/zero' })).rejects.toMatchObject({ code: 'fetcher.notAFile' });
  });
});
