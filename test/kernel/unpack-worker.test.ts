import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { connectWorker, type UnpackResult } from '../../src/linux/helper-worker.ts';
import { WHITEOUTS } from '../../src/model/wire.ts';
import { tarArchive, tarEntry } from '../support/tar-writer.ts';

const REPOSITORY = join(import.meta.dirname, '../..');
const EFBIG = 27;
const MAX_BYTES = 64 << 20;

const effects = nodeEffects();
let directory: string;
let socketPath: string;

beforeAll(async () => {
  execFileSync('sh', ['native/build.sh'], { cwd: REPOSITORY });
  directory = mkdtempSync(join(tmpdir(), 'isopod-unpack-worker-'));
  socketPath = join(directory, 'helper.sock');
  const binary = join(REPOSITORY, '.build/isopod-helper');
  await effects.helper.startForkServer({ binary, socketPath, cgroups: [], logPath: join(directory, 'helper.log') });
});

afterAll(async () => {
  const worker = await connectWorker(effects, socketPath);
  await worker.retire();
  worker.close();
  rmSync(directory, { recursive: true, force: true });
});

async function unpack(name: string, source: AsyncIterable<Uint8Array>): Promise<UnpackResult> {
  const target = join(directory, name);
  mkdirSync(target);
  const worker = await connectWorker(effects, socketPath);
  try {
    const bounds = { maxEntries: 100, maxBytes: MAX_BYTES, maxHeaderBytes: 1 << 20 };
    return await worker.unpack({ directory: target, whiteouts: WHITEOUTS.overlay, ...bounds }, source);
  } finally {
    worker.close();
  }
}

async function* pieces(archive: Buffer, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < archive.length; at += bytes) yield archive.subarray(at, at + bytes);
}

/** An archive without end, of files of one size. */
async function* zeros(count: { sent: number }, fileBytes: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(1 << 16);
  for (;;) {
    yield tarEntry({ name: `zeros-${count.sent}`, size: fileBytes });
    for (let left = fileBytes; left > 0; left -= chunk.length) {
      count.sent += chunk.length;
      yield chunk;
    }
  }
}

test('a worker unpacks an archive that comes in small pieces', async () => {
  const archive = tarArchive([
    { name: 'etc/motd', data: 'hello\n' },
    { name: 'etc/long', data: 'x'.repeat(5000) },
  ]);
  expect(await unpack('small', pieces(archive, 77))).toEqual({ ok: true, entries: 2, bytes: 5006 });
  expect(readFileSync(join(directory, 'small/etc/motd'), 'utf8')).toBe('hello\n');
});

test.each([10 * 2 ** 30, 2 ** 20])(
  'endless zeros in files of %d bytes end with EFBIG while they are sent',
  async (fileBytes) => {
    const count = { sent: 0 };
    const result = await unpack(`zeros-${fileBytes}`, zeros(count, fileBytes));
    expect(result).toMatchObject({ ok: false, failure: { errno: EFBIG } });
    expect(count.sent).toBeLessThan(MAX_BYTES * 2);
  },
);
