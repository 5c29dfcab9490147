import { type Digest, isDigest } from '../../model/digest.ts';
import { defineErrors } from '../../model/error.ts';
import { decompressed } from '../compression/decompressed.ts';
import { type CompressionFormat, formatOf } from '../compression/format.ts';
import { hashing } from '../layer-stream.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_LAYER } from '../media-types.ts';
import { type ArchiveFiles, type ArchivePorts, headOf, letGo } from './archive-files.ts';

export const archivedLayerErrors = defineErrors('archived-layer', {
  missing: {
    kind: 'data-loss',
    message: (d: { archive: string; path: string }) => `archive ${d.archive} lacks layer ${d.path}`,
  },
});

/** A layer that has no descriptor where it lies, with the one that it gets. */
export interface ArchivedLayer {
  readonly descriptor: Descriptor;
  readonly read: (startByte: number) => AsyncIterable<Uint8Array>;
  close(): void;
}

/** Layers may be compressed so; one of another kind is kept plain. */
const LAYER_TYPES: ReadonlyMap<CompressionFormat, string> = new Map([
  ['gzip', `${OCI_LAYER}+gzip`],
  ['zstd', `${OCI_LAYER}+zstd`],
]);

/**
 * Describes a layer of an archive as it lies there. Of a plain one the diff id of the config is its digest, which whoever
 * reads it verifies; of a compressed one the digest is counted here.
 */
export async function archivedLayer(
  files: ArchiveFiles,
  layer: { readonly path: string; readonly diffId: string; readonly archive: string },
  ports: ArchivePorts,
): Promise<ArchivedLayer> {
  const { path, diffId, archive } = layer;
  const sizeBytes = await files.sizeOf(path);
  if (sizeBytes === undefined) throw archivedLayerErrors.missing({ archive, path });
  const format = formatOf(await headOf(files.read(path)));
  const read = (startByte: number): AsyncIterable<Uint8Array> => files.read(path, startByte);
  if (format === 'none' && isDigest(diffId)) {
    return { descriptor: { mediaType: OCI_LAYER, digest: diffId, sizeBytes }, read, close: () => {} };
  }
  const mediaType = format === 'none' ? OCI_LAYER : LAYER_TYPES.get(format);
  if (mediaType !== undefined) {
    return { descriptor: { mediaType, digest: await digestOf(read(0)), sizeBytes }, read, close: () => {} };
  }
  const what = `layer ${path} of ${archive}`;
  const held = await ports.spool.hold(decompressed(read(0), what, ports.limits, { compressedBytes: sizeBytes }));
  const { digest } = held;
  return {
    descriptor: { mediaType: OCI_LAYER, digest, sizeBytes: held.sizeBytes },
    read: held.read,
    close: () => letGo(held),
  };
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hashed = hashing(content);
  for await (const _ of hashed.stream);
  return hashed.digest();
}
