import type { ImageReference } from '../../model/image-reference.ts';
import type { SignatureShelf } from './attached-signatures.ts';
import type { SignedDocument } from './found-signature.ts';

/** An image that was resolved and of which nothing has been unpacked yet. */
export interface TrustCandidate {
  /** Where it comes from; `undefined` for a place that no reference names. */
  readonly reference: ImageReference | undefined;
  /** The documents that led to it, the root first: an index, if there is one, and the manifest. */
  readonly documents: readonly SignedDocument[];
  readonly shelf: SignatureShelf;
  /** A policy that asks for no signature is then not enough. */
  readonly requireSignature: boolean;
  readonly signal: AbortSignal;
}

/** Decides whether an image is taken, once it is resolved and before anything of it is kept. */
export interface ImageTrust {
  /** @throws {EngineError} `trust.*` */
  check(candidate: TrustCandidate): Promise<void>;
}
