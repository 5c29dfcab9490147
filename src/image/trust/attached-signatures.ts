import type { Digest } from '../../model/digest.ts';
import { digestHex } from '../../model/digest.ts';
import { isErrorOfKind } from '../../model/error.ts';
import { readVerified } from '../layer-stream.ts';
import type { Descriptor } from '../manifest.ts';
import { fromOtherSenders } from '../other-senders.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import { type Artifact, parseArtifact } from './artifact.ts';
import type { FoundSignature } from './found-signature.ts';

/** Where an image's signatures may be kept beside it. */
export interface SignatureShelf {
  /** The source of the image itself, which may know referrers of it. */
  readonly source: ImageSource;
  /** What lies under another tag of the same place; `undefined` when the place has no tags. */
  readonly tagged: ((tag: string) => ImageSource) | undefined;
}

const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const BUNDLE_TYPE = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d+(?:\.\d+)*\+json|\+json;version=[\d.]+)$/;
const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
const CERTIFICATE_ANNOTATION = 'dev.sigstore.cosign/certificate';
const CHAIN_ANNOTATION = 'dev.sigstore.cosign/chain';
const PROMISE_ANNOTATION = 'dev.sigstore.cosign/bundle';

/** What one image may have of these; a place with more of them is not searched further. */
const MAX_REFERRERS = 32;
const MAX_SIGNATURES = 64;
const MAX_PAYLOAD_BYTES = 64 * 1024;
const MAX_BUNDLE_BYTES = 1 << 20;

/** The signatures of one manifest: under cosign's tag, and among its referrers. Nothing there is not an error. */
export async function attachedSignatures(
  shelf: SignatureShelf,
  digest: Digest,
  signal: AbortSignal,
): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = [];
  const tag = `sha256-${digestHex(digest)}.sig`;
  const source = shelf.tagged?.(tag);
  if (source !== undefined) {
    try {
      const manifest = await orNothing(source.root(signal));
      if (manifest !== undefined)
        found.push(...(await signaturesIn(source, manifest, { where: `tag ${tag}`, signal })));
    } finally {
      source.close();
    }
  }
  const referrers = (await shelf.source.referrers?.(digest, signal)) ?? [];
  for (const descriptor of referrers.slice(0, MAX_REFERRERS)) {
    const manifest = await orNothing(shelf.source.manifest(descriptor, signal));
    if (manifest === undefined) continue;
    found.push(...(await signaturesIn(shelf.source, manifest, { where: `referrer ${descriptor.digest}`, signal })));
  }
  return found.slice(0, MAX_SIGNATURES);
}

async function signaturesIn(
  source: ImageSource,
  manifest: FetchedManifest,
  { where, signal }: { readonly where: string; readonly signal: AbortSignal },
): Promise<readonly FoundSignature[]> {
  const artifact = parsed(manifest);
  const found: FoundSignature[] = [];
  for (const [index, layer] of (artifact?.layers ?? []).entries()) {
    const signature = await signatureOf(source, layer, { where: `${where}, number ${index + 1}`, signal });
    if (signature !== undefined) found.push(signature);
  }
  return found;
}

/** What is no artifact at all is no signature either, and no reason to refuse what another one may prove. */
function parsed(manifest: FetchedManifest): Artifact | undefined {
  const unreadable = new Error('no artifact');
  try {
    return parseArtifact(manifest.bytes, () => {
      throw unreadable;
    });
  } catch (error) {
    if (error === unreadable) return undefined;
    throw error;
  }
}

async function signatureOf(
  source: ImageSource,
  layer: Artifact['layers'][number],
  { where, signal }: { readonly where: string; readonly signal: AbortSignal },
): Promise<FoundSignature | undefined> {
  const { annotations, mediaType } = layer;
  if (BUNDLE_TYPE.test(mediaType)) {
    return { kind: 'bundle', where, bytes: await read(source, layer, { limitBytes: MAX_BUNDLE_BYTES, signal }) };
  }
  const signature = annotations[SIGNATURE_ANNOTATION];
  if (mediaType !== PAYLOAD_TYPE || signature === undefined) return undefined;
  return {
    kind: 'cosign',
    where,
    payload: await read(source, layer, { limitBytes: MAX_PAYLOAD_BYTES, signal }),
    signature: Buffer.from(signature, 'base64'),
    certificate: annotations[CERTIFICATE_ANNOTATION],
    chain: annotations[CHAIN_ANNOTATION],
    promise: annotations[PROMISE_ANNOTATION],
  };
}

function read(
  source: ImageSource,
  descriptor: Descriptor,
  { limitBytes, signal }: { readonly limitBytes: number; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const what = `signature ${descriptor.digest} of ${source.name}`;
  return fromOtherSenders(source, descriptor, () =>
    readVerified(source.blob(descriptor, signal), descriptor, { what, limitBytes }),
  );
}

async function orNothing<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isErrorOfKind(error, 'not-found')) return undefined;
    throw error;
  }
}
