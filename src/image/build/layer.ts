import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Digest } from '../../model/digest.ts';
import type { BlobStore } from '../blob-store.ts';
import { hashing } from '../layer-stream.ts';
import type { Lease } from '../leases.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_LAYER } from '../media-types.ts';

/** A layer that was made here. */
export interface MadeLayer {
  readonly descriptor: Descriptor;
  /** Digest of the tar before it was compressed. */
  readonly diffId: Digest;
}

/** Diff id of an archive with nothing in it but its end: two blocks of zeros. */
export const EMPTY_DIFF_ID = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef' as Digest;

/**
 * Compresses a tar stream into a layer. The same tar gives the same bytes, for the header of the gzip names neither a
 * file nor a time. Memory does not grow with the layer.
 *
 * @returns the compressed bytes, and what they were, once they have been read to their end
 */
export function layerStream(tar: AsyncIterable<Uint8Array>): {
  readonly stream: AsyncIterable<Uint8Array>;
  made(): MadeLayer;
} {
  const plain = hashing(tar);
  const compressed = hashing(gzipped(plain.stream));
  let sizeBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of compressed.stream) {
      sizeBytes += chunk.length;
      yield chunk;
    }
  }
  let known: MadeLayer | undefined;
  const made = (): MadeLayer => {
    known ??= {
      descriptor: { mediaType: `${OCI_LAYER}+gzip`, digest: compressed.digest(), sizeBytes },
      diffId: plain.digest(),
    };
    return known;
  };
  return { stream: counted(), made };
}

/**
 * Compresses a tar stream into a blob of the store. The lease holds it from before it is there until it is released.
 *
 * @throws {EngineError} what the tar throws; nothing of the layer is there then
 */
export async function storeLayer(
  tar: AsyncIterable<Uint8Array>,
  into: { readonly blobs: Pick<BlobStore, 'create'>; readonly lease: Lease },
  signal: AbortSignal,
): Promise<MadeLayer> {
  const { stream, made } = layerStream(tar);
  async function* held(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* stream;
    await into.lease.hold([made().descriptor.digest]);
  }
  await into.blobs.create(held(), signal);
  return made();
}

/** An error of the source is the error of what reads; a reader that leaves ends the source. */
function gzipped(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return pipeline(source, createGzip({ level: 6 }), () => {});
}
