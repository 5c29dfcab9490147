import type { IdentityRule } from './identity.ts';

/** Keys or certificates that a policy names: a file, or the bytes themselves. */
export type KeySource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'data'; readonly bytes: Uint8Array };

/** What an image must show before it is taken. */
export type TrustRequirement =
  | { readonly kind: 'accept' }
  | { readonly kind: 'reject' }
  | {
      /** OpenPGP simple signing. */
      readonly kind: 'gpg';
      /** Key rings, any of whose keys may sign. */
      readonly keyRings: readonly KeySource[];
      /** Where signatures lie: a `file:` or `https:` URL laid out as containers-registries.d(5) has it. */
      readonly lookaside: string | undefined;
      readonly identity: IdentityRule;
    }
  | {
      /** Cosign's signatures and sigstore bundles. */
      readonly kind: 'sigstore';
      /** Any of these public keys may sign … */
      readonly keys: readonly KeySource[];
      /** … or whoever has a certificate of this root, in one of these names … */
      readonly root: { readonly file: KeySource; readonly signers: readonly CertificateSigner[] } | undefined;
      /** … or who has one of these authorities in this name, as one of the logs saw it. */
      readonly authority: { readonly certificates: KeySource; readonly signer: CertificateSigner } | undefined;
      /** Public keys of transparency logs, one of which must have seen the signature; none: no log is asked for. */
      readonly logs: readonly KeySource[];
      readonly identity: IdentityRule;
    };

export type SignatureRequirement = Extract<TrustRequirement, { readonly kind: 'gpg' | 'sigstore' }>;

/** Whom a certificate must be of: both to the letter. */
export interface CertificateSigner {
  readonly issuer: string;
  readonly subject: string;
}

/** What is asked of the images of each place. All requirements of a scope must be met. */
export interface TrustPolicy {
  readonly default: readonly TrustRequirement[];
  /** transport → scope → requirements; the scope `''` is the transport's own default. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly TrustRequirement[]>>;
}

/** Takes everything: what an engine does that was given no policy. Digests are verified whatever the policy says. */
export const ACCEPT_ALL: TrustPolicy = { default: [{ kind: 'accept' }], transports: new Map() };
