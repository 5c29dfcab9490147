import type { Digest } from '../model/digest.ts';
import type { EngineError } from '../model/error.ts';
import type { Descriptor } from './manifest.ts';

/** A manifest or index as it was sent. */
export interface FetchedManifest {
  readonly mediaType: string | undefined;
  readonly bytes: Uint8Array;
}

/**
 * Where an image's parts come from: a registry, a layout on disk, or the program itself. Nothing that a source returns
 * is trusted: whoever reads a blob checks its size and digest.
 */
export interface ImageSource {
  /** Names the image in errors. */
  readonly name: string;
  /** The document that the reference points at. @throws {EngineError} not-found when there is none */
  root(signal: AbortSignal): Promise<FetchedManifest>;
  /** A manifest that an index names. */
  manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest>;
  /**
   * The bytes of a config or a layer, in order; iterating again fetches again.
   *
   * @param startByte where to begin, for whoever has the bytes before it; default 0
   */
  blob(descriptor: Descriptor, signal: AbortSignal, startByte?: number): AsyncIterable<Uint8Array>;
  /**
   * Told that a blob, as it gave it last, was found to be wrong or too short. A kind of source that has one place alone to ask
   * lacks the method.
   *
   * @param chances `one` where it will not be read again
   * @returns `undefined` when somebody else is asked for the blob from now on; else the error to throw, which names who sent it
   */
  distrust?(digest: Digest, error: EngineError, chances: 'all' | 'one'): EngineError | undefined;
  /**
   * Manifests that speak of another one: its signatures, for example (OCI distribution-spec v1.1, "Listing Referrers"). A kind
   * of source that cannot have any lacks the method.
   */
  referrers?(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]>;
  /** What the reference asks for by digest; `undefined` when it names a tag. */
  readonly pinned: Digest | undefined;
  /** Gives connections back. */
  close(): void;
}
