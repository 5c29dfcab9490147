import { defineErrors } from '../../model/error.ts';
import { asArray, asObject, parseJsonObject } from '../json-fields.ts';
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
  const refuse = (reason: string): never => {
    throw layoutIndexErrors.malformed({ path, reason });
  };
  const document =
    existing === undefined ? { schemaVersion: 2, mediaType: OCI_INDEX } : parseJsonObject(existing, refuse);
  const entries = 'manifests' in document ? asArray(document.manifests, 'manifests', refuse) : [];
  const kept = entries.filter((entry) => {
    const { annotations, digest } = asObject(entry, 'an entry', refuse);
    const its = (annotations as Readonly<Record<string, unknown>> | null | undefined)?.[REF_NAME];
    return its !== name || (name === undefined && digest !== root.digest);
  });
  const entry = {
    mediaType: root.mediaType,
    digest: root.digest,
    size: root.bytes.length,
    ...(name === undefined ? {} : { annotations: { [REF_NAME]: name } }),
  };
  return Buffer.from(JSON.stringify({ ...document, manifests: [...kept, entry] }));
}
