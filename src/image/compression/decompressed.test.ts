import { createHash, randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DecompressionHints, type DecompressionLimits, decompressed } from './decompressed.ts';

const LIMITS: DecompressionLimits = { freeInflatedBytes: 1 << 20, maxInflationRatio: 200, maxWindowBytes: 1 << 26 };
/** What the fixtures below hold, as xz and bzip2 wrote them. */
const PLAIN = Buffer.from('a stream is what its first bytes say it is\n'.repeat(40));

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield Uint8Array.from(bytes.subarray(at, at + size));
}

async function all(
  bytes: Uint8Array,
  {
    size = 65_536,
    limits = LIMITS,
    hints = {},
  }: { size?: number; limits?: DecompressionLimits; hints?: DecompressionHints } = {},
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompressed(inChunks(bytes, size), 'the test', limits, hints)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const fixture = (base64: string): Buffer => Buffer.from(base64, 'base64');
const XZ = fixture(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Aa3ADhdADCICmeED3VGhCWO6c4RaM2hBiFfwevJA6jHxvaaEsQRAKQC/936U7Cf+FujAdQg8TGaRTrLzCYAANs0pPF2E5mUAAFUuA0AAAA0BZeGscRn+wIAAAAABFla',
);
const XZ_SHA256 = fixture(
  '/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4Aa3ADhdADCICmeED3VGhCWO6c4RaM2hBiFfwevJA6jHxvaaEsQRAKQC/936U7Cf+FujAdQg8TGaRTrLzCYAAGqaCayodC8x31t46E7iY/e/ql81J1W8Ud6GqM20CljhAAFsuA0AAAD0gL5utunfHAIAAAAAClla',
);
const XZ_CRC32 = fixture(
  '/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4Aa3ADhdADCICmeED3VGhCWO6c4RaM2hBiFfwevJA6jHxvaaEsQRAKQC/936U7Cf+FujAdQg8TGaRTrLzCYAAAnpGgQAAVC4DQAAACJHBh0+MA2LAgAAAAABWVo=',
);
const XZ_OTHER_FILTER = fixture(
  '/Td6WFoAAATm1rRGAgEEACEBFgANhjUf4Aa3ADhdADCICmeED3VGhCWO6c4RaM2hBiFfwevJA6jHxvaaEsQRAKQC/936U7Cf+FujAdQg8TGaRTrLzCYAANs0pPF2E5mUAAFUuA0AAAA0BZeGscRn+wIAAAAABFla',
);
const BZIP2 = fixture(
  'QlpoOTFBWSZTWXHbT84AANvRgAAQQAAzYhygMAC4CAAAQAAApUJMAnYngmBMCdifCZE0JuJgT8JyJ2JoTkT0TgTInwnomQToTYT4JgToTImwnAmBORNCbieCaE0JsJsJ8J/F3JFOFCQcdtPzgA==',
);
const SKIPPABLE = Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('about')]);

/** Every format we read, with {@link PLAIN} in it. */
const PACKED: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['gzip', gzipSync(PLAIN)],
  ['zstd', zstdCompressSync(PLAIN)],
  ['xz with CRC64', XZ],
  ['xz with SHA-256', XZ_SHA256],
  ['xz with CRC32', XZ_CRC32],
  ['bzip2', BZIP2],
];

describe.each(PACKED)('%s', (name, bytes) => {
  const format = name.split(' ')[0];

  test.each([1, 3, 64, 65_536])('becomes what it was made from, in chunks of %i bytes', async (size) => {
    expect(await all(bytes, { size })).toEqual(PLAIN);
  });

  test.each([1, 7, 65_536])('is read on when another one follows, in chunks of %i bytes', async (size) => {
    const twice = Buffer.concat([bytes, bytes]);
    expect(await all(twice, { size })).toEqual(Buffer.concat([PLAIN, PLAIN]));
  });

  test('is refused wherever it is cut short', async () => {
    // The first bytes have to be there for it to be taken for what it is.
    for (let length = 10; length < bytes.length; length++) {
      await expect(all(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'image-compression.damaged',
        details: { format },
      });
    }
  });

  test('that changed anywhere gives its content or one of our errors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ change;
        const result = await all(changed, { size: 16 }).catch((error) => error);
        if (result instanceof Error)
          expect(result).toMatchObject({ code: expect.stringMatching(/^image-compression\./) });
        // Without its first bytes it is none of them, and passes as it is; some fields of headers mean nothing to us.
        else if (at > 10) expect(result.equals(PLAIN) || isUnchecked(format, result)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('may not unpack to more than its bound', async () => {
    const limits = { ...LIMITS, freeInflatedBytes: 1000, maxInflationRatio: 2 };
    await expect(all(bytes, { limits })).rejects.toMatchObject({
      kind: 'resource-exhausted',
      code: 'image-compression.inflatesTooMuch',
    });
    const hints = { compressedBytes: PLAIN.length };
    expect(await all(bytes, { limits, hints })).toEqual(PLAIN);
  });

  test('that its source says is wrong is reported as the source does', async () => {
    async function* bad(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.subarray(0, 60);
      // Always the same: by chance such bytes may unpack to more than the bound, which is told first.
      for (const name of ['first', 'second']) yield noise(name);
      throw new Error('the digest is wrong');
    }
    const reading = (async () => {
      for await (const _ of decompressed(bad(), 'the test', LIMITS));
    })();
    await expect(reading).rejects.toThrow('the digest is wrong');
  });
});

/** 5000 bytes that no compression has made, the same ones for a name. */
function noise(name: string): Buffer {
  const blocks = Array.from({ length: 157 }, (_, index) => createHash('sha256').update(`${name} ${index}`).digest());
  return Buffer.concat(blocks).subarray(0, 5000);
}

/** Node writes no checksum into zstd frames, so a changed byte of content is a changed byte of output. */
function isUnchecked(format: string | undefined, result: Buffer): boolean {
  return format === 'zstd' && result.length <= PLAIN.length * 2;
}

test('bytes of no known format pass as they are, few ones too', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from([0x1f]), Buffer.from('BZh1 is a file name'), randomBytes(3000)]) {
    expect(await all(bytes, { size: 1 })).toEqual(bytes);
  }
});

test('whoever asks is told the format once, before any output', async () => {
  const told: string[] = [];
  await all(XZ, { size: 1, hints: { onFormat: (format) => told.push(format) } });
  expect(told).toEqual(['xz']);
});

test('a format that is refused is refused only when the source has said that its bytes are right', async () => {
  const refusal = new Error('not this one');
  const onFormat = (): never => {
    throw refusal;
  };
  await expect(all(XZ, { hints: { onFormat } })).rejects.toBe(refusal);
});

test('whoever stops reading is not kept by a source that has stopped sending', async () => {
  const noise = randomBytes(2 << 20);
  async function* stalling(): AsyncGenerator<Uint8Array, void, undefined> {
    yield gzipSync(noise).subarray(0, 1 << 20);
    await new Promise(() => {});
  }
  for await (const chunk of decompressed(stalling(), 'the test', LIMITS)) {
    expect(noise.subarray(0, chunk.length).equals(chunk)).toBe(true);
    break;
  }
});

test('a source is closed when its reader stops', async () => {
  const closed: string[] = [];
  async function* source(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield bytes;
      yield bytes;
    } finally {
      closed.push('closed');
    }
  }
  for (const bytes of [gzipSync(randomBytes(1 << 20)), XZ, randomBytes(1000)]) {
    for await (const _ of decompressed(source(bytes), 'the test', { ...LIMITS, maxWindowBytes: 1 << 26 })) break;
  }
  await expect.poll(() => closed).toHaveLength(3);
});

test('skippable frames of zstd are left out wherever they are', async () => {
  const frame = zstdCompressSync(PLAIN);
  const empty = zstdCompressSync(Buffer.alloc(0));
  const stream = Buffer.concat([SKIPPABLE, frame, SKIPPABLE, SKIPPABLE, empty, frame, SKIPPABLE]);
  for (const size of [1, 5, 64, 65_536]) {
    expect(await all(stream, { size })).toEqual(Buffer.concat([PLAIN, PLAIN]));
  }
  expect(await all(SKIPPABLE)).toHaveLength(0);
});

test('what is no frame behind a frame of zstd is damage, not silence', async () => {
  const stream = Buffer.concat([zstdCompressSync(PLAIN), Buffer.from('rubbish')]);
  await expect(all(stream)).rejects.toMatchObject({ code: 'image-compression.damaged' });
});

test('any content in any number of zstd frames comes back, however it is cut', async () => {
  /** Bytes as they are, or so many zeros, which compress to next to nothing. */
  const part = fc.oneof(fc.uint8Array({ maxLength: 5000 }), fc.nat(400_000));
  const limits = { ...LIMITS, freeInflatedBytes: 6 * 400_000 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 70_000 }),
      async (drawn, size) => {
        const parts = drawn.map((one) => (typeof one === 'number' ? new Uint8Array(one) : one));
        const frames = parts.flatMap((bytes, at) => [zstdCompressSync(bytes), ...(at % 2 === 0 ? [SKIPPABLE] : [])]);
        expect((await all(Buffer.concat(frames), { size, limits })).equals(Buffer.concat(parts))).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
}, 30_000);

test.each([
  [
    'zstd',
    Buffer.from('KLUv/QSIpQEAtAJhIHN0cmVhbSBpcyB3aGF0IGl0cyBmaXJzdCBieXRlcyBzYXkgaXQgaXMKAQBT1P2qDCOJBEY=', 'base64'),
    128 << 20,
  ],
  ['xz', XZ, 64 << 20],
])('%s that wants a larger window than the bound is refused by both numbers', async (format, bytes, windowBytes) => {
  await expect(all(bytes, { limits: { ...LIMITS, maxWindowBytes: 1 << 20 } })).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'image-compression.windowTooLarge',
    details: { format, windowBytes, limitBytes: 1 << 20 },
  });
  expect(await all(bytes, { limits: { ...LIMITS, maxWindowBytes: windowBytes } })).toEqual(PLAIN);
});

test('xz with a filter for programs is refused by its name', async () => {
  await expect(all(XZ_OTHER_FILTER)).rejects.toMatchObject({
    kind: 'unimplemented',
    message: expect.stringContaining('0x4'),
  });
});

test('padding between streams of xz is allowed by fours', async () => {
  const padded = Buffer.concat([XZ_CRC32, Buffer.alloc(8), XZ_CRC32, Buffer.alloc(4)]);
  expect(await all(padded, { size: 3 })).toEqual(Buffer.concat([PLAIN, PLAIN]));
  await expect(all(Buffer.concat([XZ_CRC32, Buffer.alloc(3)]))).rejects.toMatchObject({
    code: 'image-compression.damaged',
  });
});
