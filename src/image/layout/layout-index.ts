import { defineErrors } from '../../model/error.ts';
import { asArray, asObject, type JsonObject, parseJsonObject } from '../json-fields.ts';
import { OCI_INDEX } from '../media-types.ts';
import type { ManifestContent } from '../target.ts';

export const LAYOUT_FILE = 'oci-layout';
export const LAYOUT_VERSION = '{"imageLayoutVersion":"1.0.0"}';

const REF_NAME = 'org.opencontainers.image.ref.name';

export const layoutIndexErrors = defineErrors('layout-index', {
  malformed: {
    kind: 'data-loss',
    message: (d: { path: string; reason: string }) => `${d.path}/index.json is malformed: ${d.reason}`,
    remedy: () => 'put it right, or write to another directory',
  },
});

/**
 * The `index.json` of a layout with one more image: what had its name, or like it has none, goes; all else stays as it is.
 *
 * @param existing undefined for a new layout
 * @throws {EngineError} `layout-index.malformed` (data-loss)
 */
export function withImage(
  existing: Uint8Array | undefined,
  added: { readonly path: string; readonly root: ManifestContent; readonly name: string | undefined },
): Uint8Array {
  const { path, root, name } = added;
  const { document, entries } = readIndex(existing, path);
  const kept = entries.filter((entry) => entry.name !== name || (name === undefined && entry.digest !== root.digest));
  const entry = {
    mediaType: root.mediaType,
    digest: root.digest,
    size: root.bytes.length,
    ...(name === undefined ? {} : { annotations: { [REF_NAME]: name } }),
  };
  return Buffer.from(JSON.stringify({ ...document, manifests: [...kept.map(({ value }) => value), entry] }));
}

/**
 * The `index.json` of a layout without the image of a name.
 *
 * @param from `name` undefined: without all that have none
 * @throws {EngineError} `layout-index.malformed` (data-loss)
 */
export function withoutImage(
  existing: Uint8Array,
  from: { readonly path: string; readonly name: string | undefined },
): Uint8Array {
  const { document, entries } = readIndex(existing, from.path);
  const kept = entries.filter(({ name }) => name !== from.name);
  return Buffer.from(JSON.stringify({ ...document, manifests: kept.map(({ value }) => value) }));
}

interface Entry {
  readonly value: JsonObject;
  readonly name: unknown;
  readonly digest: unknown;
}

function readIndex(
  bytes: Uint8Array | undefined,
  path: string,
): { readonly document: JsonObject; readonly entries: readonly Entry[] } {
  const refuse = (reason: string): never => {
    throw layoutIndexErrors.malformed({ path, reason });
  };
  const document = bytes === undefined ? { schemaVersion: 2, mediaType: OCI_INDEX } : parseJsonObject(bytes, refuse);
  const values = 'manifests' in document ? asArray(document.manifests, 'manifests', refuse) : [];
  const entries = values.map((one) => {
    const value = asObject(one, 'an entry', refuse);
    const { annotations, digest } = value;
    return { value, digest, name: (annotations as JsonObject | null | undefined)?.[REF_NAME] };
  });
  return { document, entries };
}
