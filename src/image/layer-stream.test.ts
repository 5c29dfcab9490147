import { expect, test } from 'vitest';
import { sha256Of } from './config-document.ts';
import { verified } from './layer-stream.ts';

const PIECES = ['one', 'two', 'three'].map((text) => Buffer.from(text));
const WHOLE = Buffer.concat(PIECES);
const descriptor = { mediaType: '', digest: sha256Of(WHOLE), sizeBytes: WHOLE.length };

async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** What comes through, and the code of the error that ends it. */
async function taken(pieces: readonly Uint8Array[], of = descriptor): Promise<readonly [string, string | undefined]> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of verified(streamOf(pieces), of, 'it')) chunks.push(chunk);
  } catch (error) {
    return [Buffer.concat(chunks).toString(), (error as { readonly code: string }).code];
  }
  return [Buffer.concat(chunks).toString(), undefined];
}

test('a blob that is right comes through whole', async () => {
  expect(await taken(PIECES)).toEqual(['onetwothree', undefined]);
});

test('of a blob that is wrong the last piece never comes, so that nobody takes it for whole', async () => {
  expect(await taken([...PIECES.slice(0, 2), Buffer.from('thRee')])).toEqual(['onetwo', 'image-content.wrongDigest']);
});

test.each([
  ['too short', PIECES.slice(0, 2), 'onetwo', 'image-content.truncated'],
  ['too long', [...PIECES, Buffer.from('!')], 'onetwothree', 'image-content.tooLong'],
])('a blob that is %s is told as such', async (_what, pieces, came, code) => {
  expect(await taken(pieces)).toEqual([came, code]);
});

test('an empty blob must have the digest of nothing', async () => {
  const empty = { ...descriptor, sizeBytes: 0 };
  expect(await taken([], empty)).toEqual(['', 'image-content.wrongDigest']);
  expect(await taken([], { ...empty, digest: sha256Of(Buffer.alloc(0)) })).toEqual(['', undefined]);
});
