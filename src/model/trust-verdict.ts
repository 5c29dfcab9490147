import type { Digest } from './digest.ts';

/** Who made a signature that a trust policy was content with. */
export type ImageSigner =
  /** An OpenPGP key: of its ring, the primary key's fingerprint, in lower-case hex digits. */
  | { readonly kind: 'gpg'; readonly fingerprint: string }
  /** A public key that the policy names: SHA-256 of its SubjectPublicKeyInfo (DER). */
  | { readonly kind: 'key'; readonly keyDigest: Digest }
  /** A holder of a certificate, as the one who issued it knows them. */
  | { readonly kind: 'certificate'; readonly subject: string; readonly issuer: string };

/** A signature that met a requirement of a trust policy. */
export interface ImageSignature {
  /** The requirement, as containers-policy.json(5) calls it. */
  readonly requirement: 'signedBy' | 'sigstoreSigned';
  readonly signer: ImageSigner;
  /** Of the manifest or index that was signed. */
  readonly digest: Digest;
  /** The name that the signer gave it; absent where none was given. */
  readonly reference?: string;
  /** Where the signature was found. */
  readonly where: string;
}

/** What a trust policy found of an image when it came. */
export interface TrustVerdict {
  readonly judgedAtMs: number;
  /** The scope whose requirements the image met, in the words of the policy. */
  readonly scope: string;
  /** One for each requirement of a signature; none where the policy takes images unsigned. */
  readonly signatures: readonly ImageSignature[];
}
