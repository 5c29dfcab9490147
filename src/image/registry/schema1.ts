import { type Digest, isDigest } from '../../model/digest.ts';
import { sha256Of } from '../config-document.ts';
import { asArray, asObject, asString, type JsonObject, parseJsonObject, type Refuse } from '../json-fields.ts';

/** Docker's image manifest version 2, schema 1: read only, for nobody should make any more of them. */
export const SCHEMA1_TYPES: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/vnd.docker.distribution.manifest.v1+json',
];

export function isSchema1Type(mediaType: string): boolean {
  return SCHEMA1_TYPES.includes(mediaType);
}

export interface Schema1Manifest {
  /** Of what is signed, which is what the registry names it by. */
  readonly digest: Digest;
  readonly architecture: string;
  /** Bottom first. */
  readonly history: readonly {
    readonly layer: Digest;
    /** It changed no file, so its layer is of no use. */
    readonly isEmpty: boolean;
    /** What Docker wrote when this layer was made. */
    readonly image: JsonObject;
  }[];
}

const MAX_HISTORY = 1024;

/** Parses a schema 1 manifest, signed or not. `refuse` names what is wrong with it. */
export function parseSchema1(bytes: Uint8Array, refuse: Refuse): Schema1Manifest {
  const document = parseJsonObject(bytes, refuse);
  if (document.schemaVersion !== 1) refuse(`schemaVersion is ${JSON.stringify(document.schemaVersion)}, not 1`);
  const layers = asArray(document.fsLayers, 'fsLayers', refuse);
  const history = asArray(document.history, 'history', refuse);
  if (layers.length === 0 || layers.length > MAX_HISTORY) refuse(`fsLayers has ${layers.length} entries`);
  if (layers.length !== history.length) refuse(`fsLayers has ${layers.length} entries, history ${history.length}`);
  const steps = layers.map((value, index) => {
    const layer = asString(asObject(value, `fsLayers[${index}]`, refuse).blobSum, `fsLayers[${index}].blobSum`, refuse);
    if (!isDigest(layer)) return refuse(`fsLayers[${index}].blobSum is not sha256: and 64 hex digits`);
    const entry = asObject(history[index], `history[${index}]`, refuse);
    const text = asString(entry.v1Compatibility, `history[${index}].v1Compatibility`, refuse);
    const image = parseJsonObject(Buffer.from(text), refuse);
    return { layer, isEmpty: image.throwaway === true, image };
  });
  return {
    digest: sha256Of(signedPart(bytes, document, refuse)),
    architecture: asString(document.architecture, 'architecture', refuse),
    history: steps.reverse(),
  };
}

/**
 * The bytes that the signatures are made over (libtrust's "pretty" JWS): so many of the document, and the tail that it had before the
 * signatures were put in. Who signed says nothing, for the key stands beside the signature; the bytes are what digests name.
 */
function signedPart(bytes: Uint8Array, document: JsonObject, refuse: Refuse): Uint8Array {
  if (document.signatures === undefined) return bytes;
  const [first] = asArray(document.signatures, 'signatures', refuse);
  const header = asString(asObject(first, 'signatures[0]', refuse).protected, 'signatures[0].protected', refuse);
  const { formatLength, formatTail } = parseJsonObject(Buffer.from(header, 'base64url'), refuse);
  const isLength = typeof formatLength === 'number' && Number.isSafeInteger(formatLength) && formatLength >= 0;
  if (!isLength || formatLength > bytes.length) return refuse('its signature covers more than there is');
  const tail = Buffer.from(asString(formatTail, 'formatTail', refuse), 'base64url');
  return Buffer.concat([bytes.subarray(0, formatLength), tail]);
}
