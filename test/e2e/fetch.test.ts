import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';
import { type Entry, tarOf } from '../support/tar-writer.ts';

const isopod = new Installation();
const directory = mkdtempSync(join(tmpdir(), 'isopod-fetch-'));
const served = new Map<string, Buffer>();
let server: Server;
let asked: string[] = [];

beforeAll(async () => {
  // /silent begins and says nothing more.
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const content = served.get(request.url ?? '');
    if (request.url === '/silent') response.writeHead(200, { 'content-length': 10 }).write('x');
    else response.writeHead(content === undefined ? 404 : 200).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await isopod.close();
  rmSync(directory, { recursive: true });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

function serve(path: string, content: string | Buffer): string {
  served.set(path, Buffer.from(content));
  return url(path);
}
