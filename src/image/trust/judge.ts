import type { ImageReference } from '../../model/image-reference.ts';
import type { TrustVerdict } from '../../model/trust-verdict.ts';
import type { ImageSource } from '../source.ts';
import type { SignedDocument } from './found-signature.ts';
import type { ImageOrigin, ImageTrust } from './image-trust.ts';

/** A reference to a place that keeps images under names: a repository, or a layout. */
export type OpenReference = Extract<ImageReference, { readonly kind: 'registry' | 'oci' | 'oci-archive' }>;

/** Rejects an image that is not to be taken; it knows already by which reference and with what demand it is asked for. */
export type Judge = (
  documents: readonly SignedDocument[],
  source: ImageSource,
  signal: AbortSignal,
) => Promise<TrustVerdict>;

export function judge(
  trust: ImageTrust,
  asked: {
    readonly origin: ImageOrigin | undefined;
    readonly requireSignature: boolean;
    readonly open: (reference: OpenReference) => ImageSource;
  },
): Judge {
  const { origin, requireSignature, open } = asked;
  const tagged = neighbours(origin, open);
  return (documents, source, signal) =>
    trust.check({ origin, documents, shelf: { source, tagged }, requireSignature, signal });
}

/** What opens the neighbours of an image under other names, where cosign keeps signatures; `undefined` where there are none. */
function neighbours(
  origin: ImageOrigin | undefined,
  open: (reference: OpenReference) => ImageSource,
): ((tag: string) => ImageSource) | undefined {
  switch (origin?.kind) {
    case 'registry':
      return (tag) => open({ ...origin, tag, digest: undefined });
    case 'oci':
    case 'oci-archive':
      return (name) => open({ ...origin, name });
    default:
      return undefined;
  }
}
