import { decompressed } from '../compression/decompressed.ts';
import { asObject, asString, type JsonObject, optionalString, parseJsonObject, type Refuse } from '../json-fields.ts';
import { hashing } from '../layer-stream.ts';
import type { ArchiveFiles, ArchivePorts } from './archive-files.ts';
import type { ArchivedImage } from './archived-image.ts';

/** The list of names in archives that Docker wrote before version 1.10. */
export const LEGACY_NAMES = 'repositories';

interface Context {
  readonly path: string;
  readonly ports: ArchivePorts;
  readonly refuse: Refuse;
}

/** An image of one layer: it names the one below it. */
interface LegacyLayer {
  readonly id: string;
  readonly document: JsonObject;
}

const ID = /^[0-9a-f]{64}$/;

/**
 * Images of an archive of the old kind, where each layer is an image of its own with a parent: `repositories`, and in a
 * directory each `json` and `layer.tar`. The config is put together from the uppermost one.
 */
export async function legacyImages(files: ArchiveFiles, context: Context): Promise<readonly ArchivedImage[]> {
  const { refuse } = context;
  const repositories = await readJson(files, LEGACY_NAMES, context);
  const names = new Map<string, string[]>();
  for (const [repository, tags] of Object.entries(repositories)) {
    for (const [tag, id] of Object.entries(asObject(tags, LEGACY_NAMES, refuse))) {
      const top = asString(id, `${repository}:${tag}`, refuse);
      names.set(top, [...(names.get(top) ?? []), `${repository}:${tag}`]);
    }
  }
  const images: ArchivedImage[] = [];
  for (const [top, itsNames] of names) {
    const chain = await chainOf(files, top, context);
    const layers = chain.map(({ id }) => `${id}/layer.tar`);
    images.push({ names: itsNames, layers, config: () => configOf(files, { chain, layers }, context) });
  }
  return images;
}

/** Bottom first. */
async function chainOf(files: ArchiveFiles, top: string, context: Context): Promise<readonly LegacyLayer[]> {
  const { refuse, ports } = context;
  const chain: LegacyLayer[] = [];
  let id: string | undefined = top;
  while (id !== undefined) {
    if (!ID.test(id)) refuse(`${JSON.stringify(id)} is not the id of a layer`);
    if (chain.length >= ports.limits.maxLayers) refuse(`more than ${ports.limits.maxLayers} layers are below ${top}`);
    const document = await readJson(files, `${id}/json`, context);
    chain.unshift({ id, document });
    id = optionalString(document, 'parent', refuse) || undefined;
  }
  return chain;
}

async function configOf(
  files: ArchiveFiles,
  { chain, layers }: { readonly chain: readonly LegacyLayer[]; readonly layers: readonly string[] },
  { path, ports, refuse }: Context,
): Promise<Uint8Array> {
  const diffIds: string[] = [];
  for (const layer of layers) {
    if ((await files.sizeOf(layer)) === undefined) refuse(`it has no file ${layer}`);
    const hashed = hashing(decompressed(files.read(layer), `layer ${layer} of ${path}`, ports.limits));
    for await (const _ of hashed.stream);
    diffIds.push(hashed.digest());
  }
  const top = chain.at(-1)?.document ?? {};
  const history = chain.map(({ document }) => ({
    ...(document.created === undefined ? {} : { created: document.created }),
    created_by: commandOf(document),
  }));
  const { id: _, parent: __, layer_id: ___, parent_id: ____, ...kept } = top;
  return Buffer.from(JSON.stringify({ ...kept, rootfs: { type: 'layers', diff_ids: diffIds }, history }));
}

function commandOf(document: JsonObject): string {
  const made = document.container_config;
  const command = typeof made === 'object' && made !== null && 'Cmd' in made ? made.Cmd : undefined;
  return Array.isArray(command) ? command.join(' ') : '';
}

async function readJson(files: ArchiveFiles, file: string, { refuse, ports }: Context): Promise<JsonObject> {
  const sizeBytes = await files.sizeOf(file);
  if (sizeBytes === undefined) return refuse(`it has no file ${file}`);
  if (sizeBytes > ports.limits.maxConfigBytes) return refuse(`${file} has ${sizeBytes} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of files.read(file)) chunks.push(chunk);
  return parseJsonObject(Buffer.concat(chunks), (reason) => refuse(`${file}: ${reason}`));
}
