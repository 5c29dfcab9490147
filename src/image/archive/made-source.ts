import type { Digest } from '../../model/digest.ts';
import { defineErrors } from '../../model/error.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';

export const madeSourceErrors = defineErrors('image-source', {
  unknownBlob: {
    kind: 'not-found',
    message: (d: { name: string; digest: string }) => `${d.name} has no content ${d.digest}`,
  },
});

/** An image with a manifest that was put together here, because where it lies it has none. */
export interface MadeImage {
  readonly manifest: { readonly mediaType: string; readonly bytes: Uint8Array };
  /** What the manifest names. */
  readonly blobs: ReadonlyMap<string, (startByte: number) => AsyncIterable<Uint8Array>>;
}

/** @param make is called once, at the first use; `close` afterwards is told to `letGo` */
export function madeSource(
  name: string,
  make: (signal: AbortSignal) => Promise<MadeImage>,
  letGo: () => void,
): ImageSource {
  let made: Promise<MadeImage> | undefined;
  const image = (signal: AbortSignal): Promise<MadeImage> => {
    made ??= make(signal);
    return made;
  };
  const blob = async function* (
    { digest }: { readonly digest: Digest },
    signal: AbortSignal,
    startByte = 0,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const open = (await image(signal)).blobs.get(digest);
    if (open === undefined) throw madeSourceErrors.unknownBlob({ name, digest });
    for await (const chunk of open(startByte)) {
      signal.throwIfAborted();
      yield chunk;
    }
  };
  return {
    name,
    pinned: undefined,
    root: async (signal) => (await image(signal)).manifest,
    manifest: async ({ digest }): Promise<FetchedManifest> => {
      throw madeSourceErrors.unknownBlob({ name, digest });
    },
    blob,
    close: () => {
      // What is being made lets go of what it has when it fails.
      if (made !== undefined) void made.then(letGo, letGo);
      made = undefined;
    },
  };
}

/** Content that is here already. */
export function bytesFrom(bytes: Uint8Array): (startByte: number) => AsyncIterable<Uint8Array> {
  return async function* (startByte) {
    yield bytes.subarray(startByte);
  };
}
