import { defineErrors } from '../../model/error.ts';
import type { Compression } from '../media-types.ts';
import type { CompressionFormat } from './format.ts';

export const mediaTypeErrors = defineErrors('image-media-type', {
  notCompressed: {
    kind: 'data-loss',
    message: (d: { what: string; mediaType: string; compression: string }) =>
      `${d.what} should be ${d.compression} by its media type ${d.mediaType}, but its bytes are neither compressed nor a tar`,
    remedy: () => 'whoever pushed the image has to push it again',
  },
});

/** Where a tar header has its magic (POSIX.1-2017, pax, "ustar Interchange Format"). */
const TAR_MAGIC_AT = 257;

/**
 * Holds a layer's media type against what its bytes are. The bytes win where they say something themselves, as with other
 * engines: there are images whose layers are called gzip and are plain tar, zstd or xz, and the diff id proves them right.
 * Bytes that say nothing while the type promises a compression are damage.
 *
 * @throws {EngineError} `image-media-type.notCompressed` (data-loss)
 */
export function checkCompression(layer: {
  readonly what: string;
  readonly mediaType: string;
  readonly compression: Compression;
  readonly format: CompressionFormat;
  readonly head: Uint8Array;
}): void {
  const { what, mediaType, compression, format, head } = layer;
  if (compression === 'none' || format !== 'none') return;
  if (!isTar(head)) throw mediaTypeErrors.notCompressed({ what, mediaType, compression });
}

/** A tar has its magic, or is one of nothing: zeros. */
function isTar(head: Uint8Array): boolean {
  if (head.length > 0 && head.subarray(0, TAR_MAGIC_AT).every((byte) => byte === 0)) return true;
  return Buffer.from(head.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + 5)).toString('latin1') === 'ustar';
}
