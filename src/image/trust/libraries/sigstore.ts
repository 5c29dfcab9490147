/** The libraries that verify sigstore bundles: loaded when the first bundle is looked at, from a file of their own. */
export { bundleFromJSON } from '@sigstore/bundle';
export { TrustedRoot } from '@sigstore/protobuf-specs';
export { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
