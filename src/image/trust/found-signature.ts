/** A signature as it was found; nothing of it is known to be good. */
export type FoundSignature =
  | { readonly kind: 'gpg'; readonly where: string; readonly bytes: Uint8Array }
  | {
      /** As cosign keeps them under the tag `sha256-….sig`. */
      readonly kind: 'cosign';
      readonly where: string;
      readonly payload: Uint8Array;
      readonly signature: Uint8Array;
      /** PEM, where the signer had a certificate instead of a key. */
      readonly certificate: string | undefined;
      /** Authorities between that certificate and a root, as PEM, where the signer sent some. */
      readonly chain: string | undefined;
      /** What the transparency log promised, as cosign's JSON. */
      readonly promise: string | undefined;
    }
  | { readonly kind: 'bundle'; readonly where: string; readonly bytes: Uint8Array };

/** A manifest or index of the image that was asked for, in one of which its signature must be. */
export interface SignedDocument {
  readonly digest: string;
  readonly bytes: Uint8Array;
}
