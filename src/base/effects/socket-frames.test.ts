import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHelperPort } from './node-helper.ts';

let directory: string;
let server: Server | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-frames-'));
});
afterEach(async () => {
  server?.close();
  await rm(directory, { recursive: true });
});

test('a connection is closed when the other side is gone, without a write of ours', async () => {
  const socketPath = join(directory, 's');
  const frame = Buffer.from('0100000007000000ff', 'hex');
  server = createServer((socket) => socket.end(frame));
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
  const connection = await nodeHelperPort().connect(socketPath);
  await connection.closed;
  expect(await connection.receive()).toMatchObject({ type: 7 });
  expect(await connection.receive()).toBeUndefined();
});
