import { type Digest, isDigest } from '../../model/digest.ts';
import {
  asArray,
  asObject,
  asString,
  optionalString,
  optionalStringMap,
  parseJsonObject,
  type Refuse,
} from '../json-fields.ts';
import type { Descriptor } from '../manifest.ts';

/** A manifest whose layers are no file systems: signatures, for example (OCI image-spec v1.1, "Guidelines for Artifact Usage"). */
export interface Artifact {
  readonly artifactType: string | undefined;
  /** Of which manifest it speaks. */
  readonly subject: Digest | undefined;
  readonly layers: readonly (Descriptor & { readonly annotations: Readonly<Record<string, string>> })[];
}

const MAX_LAYERS = 64;

export function parseArtifact(bytes: Uint8Array, refuse: Refuse): Artifact {
  const document = parseJsonObject(bytes, refuse);
  const layers = asArray(document.layers ?? document.blobs ?? [], 'layers', refuse);
  if (layers.length > MAX_LAYERS) refuse(`it has ${layers.length} layers, more than ${MAX_LAYERS}`);
  const subject = document.subject ?? undefined;
  return {
    artifactType: optionalString(document, 'artifactType', refuse),
    subject:
      subject === undefined ? undefined : digestOf(asObject(subject, 'subject', refuse).digest, 'subject', refuse),
    layers: layers.map((value, index) => {
      const what = `layers[${index}]`;
      const layer = asObject(value, what, refuse);
      const { size } = layer;
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
        refuse(`${what}.size is ${JSON.stringify(size)}`);
      return {
        mediaType: asString(layer.mediaType, `${what}.mediaType`, refuse),
        digest: digestOf(layer.digest, what, refuse),
        sizeBytes: size as number,
        annotations: optionalStringMap(layer, 'annotations', refuse),
      };
    }),
  };
}

function digestOf(value: unknown, what: string, refuse: Refuse): Digest {
  if (typeof value !== 'string' || !isDigest(value))
    refuse(`${what}.digest ${JSON.stringify(value)} is not sha256: and 64 hex digits`);
  return value as Digest;
}
