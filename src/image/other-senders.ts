import { isTruncated, isWrongContent } from './layer-stream.ts';
import type { Descriptor } from './manifest.ts';
import type { ImageSource } from './source.ts';

/**
 * Reads a blob, and once more from its first byte as long as what came was wrong and the source has somebody else to ask.
 *
 * @param read takes all of the blob from the source and verifies it
 * @param chances `one` where what was read cannot be taken back
 * @throws {EngineError} what `read` throws, with the names of who sent the bytes where the source knows them
 */
export async function fromOtherSenders<Result>(
  source: ImageSource,
  descriptor: Descriptor,
  read: () => Promise<Result>,
  chances: 'all' | 'one' = 'all',
): Promise<Result> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (source.distrust === undefined || !(isWrongContent(error) || isTruncated(error))) throw error;
      const told = source.distrust(descriptor.digest, error, chances);
      if (told !== undefined) throw told;
    }
  }
}
