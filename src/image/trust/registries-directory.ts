import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import type { RegistryReference } from '../../model/image-reference.ts';
import { asObject, type JsonObject, type Refuse } from '../json-fields.ts';
import { trustErrors } from './errors.ts';
import { readBounded } from './policy-files.ts';
import { scopesOf } from './scopes.ts';

const MAX_FILES = 1000;
const MAX_FILE_BYTES = 1 << 20;
const PLACE_FIELDS = [
  ...['lookaside', 'lookaside-staging', 'sigstore', 'sigstore-staging'],
  'use-sigstore-attachments',
] as const;

/**
 * The lookaside that a registries.d names for an image (containers-registries.d(5)): that of its longest scope which names
 * one, else of `default-docker`. All files with the ending `.yaml` count; what writes signatures is read over.
 *
 * @throws {EngineError} `trust.badRegistriesFile` (failed-precondition)
 */
export async function lookasideFor(
  files: Files,
  directory: string,
  reference: RegistryReference,
): Promise<string | undefined> {
  const places = new Map<string, { readonly lookaside: string | undefined; readonly path: string }>();
  for (const path of await filesOf(files, directory)) {
    for (const [scope, lookaside] of await readFile(files, path)) {
      const other = places.get(scope)?.path;
      const reason = `${scope === '' ? 'default-docker' : `docker[${JSON.stringify(scope)}]`} stands in ${other}, too`;
      if (other !== undefined) throw trustErrors.badRegistriesFile({ path, reason });
      places.set(scope, { lookaside, path });
    }
  }
  for (const scope of [...scopesOf(reference), '']) {
    const place = places.get(scope);
    if (place?.lookaside !== undefined) return place.lookaside;
  }
  return undefined;
}

async function filesOf(files: Files, directory: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = (await files.list(directory)).filter((name) => name.endsWith('.yaml')).sort();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw trustErrors.badRegistriesFile({ path: directory, reason: (error as Error).message }, error);
  }
  const reason = `it holds ${names.length} files, more than ${MAX_FILES}`;
  if (names.length > MAX_FILES) throw trustErrors.badRegistriesFile({ path: directory, reason });
  return names.map((name) => `${directory}/${name}`);
}

/** Scope → lookaside; the scope `''` is the default. */
async function readFile(files: Files, path: string): Promise<ReadonlyMap<string, string | undefined>> {
  const refuse: Refuse = (reason) => {
    throw trustErrors.badRegistriesFile({ path, reason });
  };
  const document = asObject((await parsed(files, path)) ?? {}, 'it', refuse);
  onlyFields(document, 'it', { known: ['default-docker', 'docker'], refuse });
  const found = new Map<string, string | undefined>();
  const take = (scope: string, value: unknown, what: string): void => {
    found.set(scope, lookasideOf(asObject(value, what, refuse), what, refuse));
  };
  if (document['default-docker'] !== undefined) take('', document['default-docker'], 'default-docker');
  for (const [scope, value] of Object.entries(asObject(document.docker ?? {}, 'docker', refuse))) {
    if (scope === '') refuse('docker has an empty scope; write default-docker');
    take(scope, value, `docker[${JSON.stringify(scope)}]`);
  }
  return found;
}

async function parsed(files: Files, path: string): Promise<unknown> {
  try {
    const { parse } = await import('./libraries/yaml.ts');
    // An alias may name an alias: a few lines could become gigabytes.
    return parse(Buffer.from(await readBounded(files, path, MAX_FILE_BYTES)).toString(), { maxAliasCount: 0 });
  } catch (error) {
    throw trustErrors.badRegistriesFile({ path, reason: (error as Error).message }, error);
  }
}

/** `sigstore` is what it was called before, and has nothing to do with sigstore. */
function lookasideOf(place: JsonObject, what: string, refuse: Refuse): string | undefined {
  onlyFields(place, what, { known: PLACE_FIELDS, refuse });
  const value = place.lookaside ?? place.sigstore;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !isLookaside(value)) {
    return refuse(`${what}.lookaside ${JSON.stringify(value)} is no file:/// or https:// URL`);
  }
  return value;
}

/** What everybody on the way could change is no place for what nobody signs for: which signatures there are. */
export function isLookaside(url: string): boolean {
  return /^(?:file:\/\/\/|https:\/\/[^/])/.test(url);
}

function onlyFields(
  object: JsonObject,
  what: string,
  { known, refuse }: { readonly known: readonly string[]; readonly refuse: Refuse },
): void {
  const unknown = Object.keys(object).find((field) => !known.includes(field));
  if (unknown !== undefined) refuse(`${what} has an unknown field ${JSON.stringify(unknown)}`);
}
