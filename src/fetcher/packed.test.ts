import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packedDirectory, packedFile } from './packed.ts';

async function unpacked(parts: AsyncIterable<Uint8Array>, look: (directory: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-packed-'));
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of parts) chunks.push(chunk);
    const archive = join(directory, 'archive.tar');
    writeFileSync(archive, Buffer.concat(chunks));
    execFileSync('tar', ['-xf', archive, '-C', directory]);
    look(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test.each([
  ['plain', 'a/b/file'],
  ['of names that no plain header holds', `${'é'.repeat(60)}/${'n'.repeat(120)}`],
])('a file is read by tar, with its mode, its time and a path %s', async (_, path) => {
  const facts = { path, mode: 0o755, sizeBytes: 7, mtimeSeconds: 1_700_000_000 };
  await unpacked(packedFile(facts, only('content')), (directory) => {
    const file = join(directory, path);
    expect(readFileSync(file, 'utf8')).toBe('content');
    expect(statSync(file).mode & 0o7777).toBe(0o755);
    expect(statSync(file).mtimeMs).toBe(1_700_000_000_000);
  });
});

test('a directory comes with those above it', async () => {
  await unpacked(packedDirectory('a/b/c', 1), (directory) => {
    expect(statSync(join(directory, 'a/b/c')).isDirectory()).toBe(true);
  });
});
