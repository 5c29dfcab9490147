import type { ImageReference } from '../../model/image-reference.ts';
import type { TrustVerdict } from '../../model/trust-verdict.ts';
import type { SignatureShelf } from './attached-signatures.ts';
import type { SignedDocument } from './found-signature.ts';

/** Where an image comes from, as a policy tells places apart. */
export type ImageOrigin =
  | ImageReference
  /** It came with a request, and no place with a name keeps it. */
  | { readonly kind: 'stream'; readonly transport: 'docker-archive' | 'oci-archive' | 'tar' };

/** An image that was resolved and of which nothing has been unpacked yet. */
export interface TrustCandidate {
  /** Where it comes from; `undefined` for one of which nothing is known, about which the policy's default decides. */
  readonly origin: ImageOrigin | undefined;
  /** The documents that led to it, the root first: an index, if there is one, and the manifest. */
  readonly documents: readonly SignedDocument[];
  readonly shelf: SignatureShelf;
  /** A policy that asks for no signature is then not enough. */
  readonly requireSignature: boolean;
  readonly signal: AbortSignal;
}

/** Decides whether an image is taken, once it is resolved and before anything of it is kept. */
export interface ImageTrust {
  /** @returns what speaks for it. @throws {EngineError} `trust.*` */
  check(candidate: TrustCandidate): Promise<TrustVerdict>;
}
