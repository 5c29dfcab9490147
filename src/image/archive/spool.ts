import { createHash } from 'node:crypto';
import { type Effects, TEMPORARY_PREFIX } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import { contentErrors } from '../layer-stream.ts';

/** Content that is kept in a file of ours for a while: something about it is known only once all of it has come. */
export interface Held {
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  read(startByte?: number): AsyncIterable<Uint8Array>;
  remove(): Promise<void>;
}

/** A directory of ours for such files; a start sweeps what a killed process left in it. */
export interface Spool {
  hold(content: AsyncIterable<Uint8Array>): Promise<Held>;
}

/** @param limitBytes the most that one content may have */
export function directorySpool(
  { files, random }: Pick<Effects, 'files' | 'random'>,
  directory: string,
  limitBytes: number,
): Spool {
  return {
    hold: async (content) => {
      await files.makeDirectory(directory, { parents: true });
      const name = `${TEMPORARY_PREFIX}held-${Buffer.from(random.bytes(8)).toString('hex')}`;
      const path = `${directory}/${name}`;
      const writer = await files.openWriter(directory);
      const hash = createHash('sha256');
      let sizeBytes = 0;
      try {
        for await (const chunk of content) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          if (sizeBytes > limitBytes)
            throw contentErrors.tooLarge({ what: 'what is to be held', sizeBytes, limitBytes });
          await writer.write(chunk);
        }
        await writer.commit(path, 'volatile');
      } catch (error) {
        await writer.abort();
        throw error;
      }
      return {
        path,
        digest: `sha256:${hash.digest('hex')}` as Digest,
        sizeBytes,
        read: (start = 0) => files.readStream(path, { start }),
        remove: () => files.removeFile(path),
      };
    },
  };
}
