import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { sha256Of } from '../image/config-document.ts';
import { WebClient } from '../image/web/web-client.ts';
import { download } from './download.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const CONTENT = Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 251));
const BOUNDS = { requestAttempts: 3, retryDelayMs: 1, maxRetryDelayMs: 2_000 };

let directory: string;
let server: Server;
/** What was asked for each time: the range, and of which version. */
let asked: (readonly [range: string | undefined, version: string | string[] | undefined])[];
/** The last one goes on for ever. */
let answers: Answer[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-download-'));
  asked = [];
  server = createServer((request, response) => {
    asked.push([request.headers.range, request.headers['if-range']]);
    answers[Math.min(asked.length, answers.length) - 1]?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

function downloaded(signal = new AbortController().signal): ReturnType<typeof download> {
  const { files, clock, random } = nodeEffects();
  const ports = { files, clock, random, web: new WebClient(5_000), bounds: BOUNDS };
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/file`);
  return download(ports, { url, digest: undefined, maxBytes: 10_000, directory, name: 'file', signal });
}

async function expectWhole(): Promise<void> {
  expect(await downloaded()).toEqual({ sizeBytes: CONTENT.length, digest: sha256Of(CONTENT) });
  expect(readFileSync(join(directory, 'file')).equals(CONTENT)).toBe(true);
  expect(readdirSync(directory)).toEqual(['file']);
}

const whole: Answer = (_, response) => response.end(CONTENT);
const status =
  (code: number, headers = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end();

/** By then the other side has read what was sent; a break lets it forget what it has not. */
const READ_MS = 100;

/** Sends all from a byte on, and breaks off before another one. */
const part =
  (from: number, to: number, headers = {}): Answer =>
  (_, response) => {
    const range = from > 0 ? { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': CONTENT.length - from, ...range, ...headers });
    if (to === CONTENT.length) response.end(CONTENT.subarray(from));
    else {
      response.write(CONTENT.subarray(from, to));
      setTimeout(() => response.destroy(), READ_MS);
    }
  };
const VERSION = { etag: '"one"' };

test('a server that does not serve for a moment is asked again', async () => {
  answers = [status(503), status(429, { 'retry-after': '1' }), whole];
  await expectWhole();
  expect(asked).toHaveLength(3);
});

test('one that goes on not to serve is told, with how often it was asked', async () => {
  answers = [status(503)];
  await expect(downloaded()).rejects.toMatchObject({ code: 'fetcher.answered', details: { status: 503, attempts: 3 } });
  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  ['that it does not have', status(404), 'fetcher.missing'],
  ['that it refuses', status(403), 'fetcher.answered'],
  ['that it wants to be asked for in an hour', status(503, { 'retry-after': '3600' }), 'fetcher.answered'],
])('what it says of a file %s is not asked again', async (_, answer, code) => {
  answers = [answer];
  await expect(downloaded()).rejects.toMatchObject({ code });
  expect(asked).toHaveLength(1);
});

test('a download that breaks off goes on where it was, as often as something comes', async () => {
  const parts = [0, 1000, 2000, 3000, 4000].map((from) => part(from, from + 1000, VERSION));
  answers = parts;
  await expectWhole();
  expect(asked).toEqual([
    [undefined, undefined],
    ...[1000, 2000, 3000, 4000].map((from) => [`bytes=${from}-`, '"one"'] as const),
  ]);
});

test.each([
  ['a server that says nothing of its version', part(0, 1000), undefined],
  ['one whose version only means the same', part(0, 1000, { etag: 'W/"one"' }), undefined],
  ['one that sends all of another version', part(0, 1000, VERSION), 'bytes=1000-'],
])('%s is asked for all of it again', async (_, first, range) => {
  answers = [first, whole];
  await expectWhole();
  expect(asked[1]?.[0]).toBe(range);
});

test.each([
  ['another part than was asked for', part(2000, CONTENT.length, VERSION)],
  ['that there is no rest', status(416)],
])('after an answer with %s nothing of what came is used', async (_, answer) => {
  answers = [part(0, 1000, VERSION), answer, whole];
  await expectWhole();
  expect(asked[2]).toEqual([undefined, undefined]);
});

test('one that breaks off each time before anything new comes is given up', async () => {
  answers = [part(0, 1000)];
  await expect(downloaded()).rejects.toMatchObject({ code: 'web.cutShort' });
  expect(readdirSync(directory)).toEqual([]);
});

test('a rest that is too large for what may come together is refused', async () => {
  const rest: Answer = (_, response) =>
    response.writeHead(206, { 'content-range': 'bytes 1000-99999/100000', 'content-length': 99_000 }).end();
  answers = [part(0, 1000, VERSION), rest];
  await expect(downloaded()).rejects.toMatchObject({ code: 'web.tooLarge', details: { limitBytes: 10_000 } });
});

test('nobody is asked again for who has gone', async () => {
  const end = new AbortController();
  answers = [
    (request, response) => {
      status(503, { 'retry-after': '2' })(request, response);
      setTimeout(() => end.abort(new Error('gone')), 20);
    },
  ];
  await expect(downloaded(end.signal)).rejects.toThrow();
  expect(asked).toHaveLength(1);
});
