import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decompressed } from './decompressed.ts';

const LIMITS = { freeInflatedBytes: 1 << 30, maxInflationRatio: 200, maxWindowBytes: 1 << 27 };

const PROGRAMS: readonly (readonly [program: string, options: readonly string[]])[] = [
  ['gzip', ['-1']],
  ['zstd', ['-1']],
  ['zstd', ['-4', '--long=24']],
  ['xz', ['-0']],
  ['xz', ['-6e', '--check=sha256']],
  ['xz', ['-1', '--block-size=20000', '--threads=2']],
  ['xz', ['--lzma2=preset=6,lc=0,lp=4,pb=0,dict=4KiB']],
  ['xz', ['--lzma2=preset=6,lc=4,lp=0,pb=4,dict=64KiB', '--check=none']],
  ['bzip2', ['-1']],
  ['bzip2', ['-9']],
];

const isMissing = (program: string): boolean => spawnSync(program, ['--version'], { input: '' }).error !== undefined;

async function unpacked(bytes: Uint8Array, chunkBytes: number): Promise<Buffer> {
  async function* cut(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompressed(cut(), 'the test', LIMITS)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Content with all that compressors look for: noise, runs, text, what came long before, and records of one width. */
const content: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.nat(5000).map((size) => randomBytes(size)),
      fc.tuple(fc.nat(70_000), fc.nat(255)).map(([size, byte]) => Buffer.alloc(size, byte)),
      fc
        .tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.nat(3000))
        .map(([text, times]) => Buffer.from(text.repeat(times))),
      fc.nat(2000).map((count) => Buffer.from(Uint32Array.from({ length: count }, (_, at) => at * 7).buffer)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat([...parts, ...parts.slice(0, 2)]));

describe.each(PROGRAMS)('%s %j', (program, options) => {
  test.skipIf(isMissing(program))(
    `what ${program} compressed is what it was`,
    async () => {
      await fc.assert(
        fc.asyncProperty(content, fc.integer({ min: 1, max: 100_000 }), async (plain, chunkBytes) => {
          const packed = execFileSync(program, [...options, '-c'], { input: plain, maxBuffer: 1 << 28 });
          expect((await unpacked(packed, chunkBytes)).equals(plain)).toBe(true);
        }),
        { numRuns: 8 },
      );
    },
    60_000,
  );
});
