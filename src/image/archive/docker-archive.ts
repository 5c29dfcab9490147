import { defineErrors } from '../../model/error.ts';
import { formatImageReference, parseImageReference } from '../../model/image-reference.ts';
import { parseConfigDocument, sha256Of } from '../config-document.ts';
import { asArray, asObject, asString, optionalStrings, type Refuse } from '../json-fields.ts';
import { contentErrors } from '../layer-stream.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_CONFIG, OCI_MANIFEST } from '../media-types.ts';
import { type ArchiveFiles, type ArchivePorts, openArchive } from './archive-files.ts';
import type { ArchivedImage } from './archived-image.ts';
import { type ArchivedLayer, archivedLayer } from './archived-layer.ts';
import { LEGACY_NAMES, legacyImages } from './legacy-archive.ts';
import { bytesFrom, type MadeImage } from './made-source.ts';

export const dockerArchiveErrors = defineErrors('docker-archive', {
  notOne: {
    kind: 'invalid-argument',
    message: (d: { path: string; reason: string }) => `${d.path} is not what docker save writes: ${d.reason}`,
    remedy: () => 'for an OCI layout in a tar file write oci-archive:, for the tar file of a root file system tar:',
  },
  malformed: {
    kind: 'data-loss',
    message: (d: { path: string; reason: string }) => `docker-archive ${d.path} is malformed: ${d.reason}`,
  },
  unknownName: {
    kind: 'not-found',
    message: (d: { path: string; name: string; names: readonly string[] }) =>
      `docker-archive ${d.path} has no image ${JSON.stringify(d.name)}; it has ${d.names.length === 0 ? 'none with a name' : d.names.join(', ')}`,
  },
  nameNeeded: {
    kind: 'invalid-argument',
    message: (d: { path: string; names: readonly string[]; count: number }) =>
      `docker-archive ${d.path} has ${d.count} images: ${d.names.join(', ') || 'none with a name'}`,
    remedy: () => 'add the name of one of them after a colon, or its place, from :@0 on',
  },
});

const MAX_IMAGES = 1000;
/** Its list has a line for each layer of each image. */
const MAX_LIST_BYTES = 16 << 20;

/** What `docker save` writes: several images in one tar file, compressed or not. */
export class DockerArchive {
  /** What errors call it. */
  readonly path: string;
  readonly images: readonly ArchivedImage[];
  readonly #files: ArchiveFiles;
  readonly #ports: ArchivePorts;
  readonly #layers = new Map<string, Promise<ArchivedLayer>>();

  private constructor(
    path: string,
    content: { readonly files: ArchiveFiles; readonly images: readonly ArchivedImage[] },
    ports: ArchivePorts,
  ) {
    this.path = path;
    this.images = content.images;
    this.#files = content.files;
    this.#ports = ports;
  }

  /** @throws {EngineError} `docker-archive.notOne`, `.malformed`, and as `openArchive` */
  static async open(path: string, ports: ArchivePorts): Promise<DockerArchive> {
    const files = await openArchive(path, ports);
    try {
      const { shownAs = path } = ports;
      return new DockerArchive(shownAs, { files, images: await imagesOf(shownAs, files, ports) }, ports);
    } catch (error) {
      files.close();
      throw error;
    }
  }

  /** @param name as a reference has it: a name, or `@` and a place */
  find(name: string | undefined): ArchivedImage {
    const { path, images } = this;
    const names = images.flatMap((image) => image.names);
    const [first] = images;
    if (name === undefined) {
      if (images.length > 1) throw dockerArchiveErrors.nameNeeded({ path, names, count: images.length });
      if (first === undefined) throw dockerArchiveErrors.notOne({ path, reason: 'it has no image' });
      return first;
    }
    const found = name.startsWith('@')
      ? images[Number(name.slice(1))]
      : images.find((image) => image.names.some((one) => fullName(one) === fullName(name)));
    if (found === undefined) throw dockerArchiveErrors.unknownName({ path, name, names });
    return found;
  }

  /** Puts a manifest together: an OCI one, with the layers as they lie in the archive. */
  async manifestOf(image: ArchivedImage): Promise<MadeImage> {
    const config = await image.config();
    const { diffIds } = parseConfigDocument(config, `docker-archive ${this.path}`);
    if (diffIds.length !== image.layers.length) {
      const reason = `a config names ${diffIds.length} layers, the list of the archive ${image.layers.length}`;
      throw dockerArchiveErrors.malformed({ path: this.path, reason });
    }
    const layers: ArchivedLayer[] = [];
    for (const [index, path] of image.layers.entries()) {
      layers.push(await this.#layer(path, diffIds[index] ?? ''));
    }
    const described = ({ mediaType, digest, sizeBytes }: Descriptor) => ({ mediaType, digest, size: sizeBytes });
    const document = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: described({ mediaType: OCI_CONFIG, digest: sha256Of(config), sizeBytes: config.length }),
      layers: layers.map(({ descriptor }) => described(descriptor)),
    };
    const blobs = new Map(layers.map(({ descriptor, read }) => [descriptor.digest as string, read]));
    blobs.set(sha256Of(config), bytesFrom(config));
    return { manifest: { mediaType: OCI_MANIFEST, bytes: Buffer.from(JSON.stringify(document)) }, blobs };
  }

  close(): void {
    this.#files.close();
    for (const layer of this.#layers.values()) void layer.then(({ close }) => close()).catch(() => {});
  }

  /** Images share layers; each is looked at once. */
  #layer(path: string, diffId: string): Promise<ArchivedLayer> {
    const key = `${path} ${diffId}`;
    const known = this.#layers.get(key);
    if (known !== undefined) return known;
    const layer = archivedLayer(this.#files, { path, diffId, archive: this.path }, this.#ports);
    layer.catch(() => this.#layers.delete(key));
    this.#layers.set(key, layer);
    return layer;
  }
}

async function imagesOf(path: string, files: ArchiveFiles, ports: ArchivePorts): Promise<readonly ArchivedImage[]> {
  const refuse: Refuse = (reason) => {
    throw dockerArchiveErrors.malformed({ path, reason });
  };
  if ((await files.sizeOf('manifest.json')) === undefined) {
    if ((await files.sizeOf(LEGACY_NAMES)) !== undefined) return legacyImages(files, { path, ports, refuse });
    throw dockerArchiveErrors.notOne({ path, reason: 'it has no file manifest.json' });
  }
  const list = asArray(
    parse(await readSmall(files, { path, file: 'manifest.json', limitBytes: MAX_LIST_BYTES })),
    'manifest.json',
    refuse,
  );
  if (list.length > MAX_IMAGES)
    refuse(`it lists ${list.length} images, more than the ${MAX_IMAGES} that are supported`);
  return list.map((value, index) => {
    const entry = asObject(value, `manifest.json[${index}]`, refuse);
    const file = asString(entry.Config, 'Config', refuse);
    const { maxConfigBytes: limitBytes, maxLayers } = ports.limits;
    const layers = optionalStrings(entry, 'Layers', refuse);
    if (layers.length > maxLayers) refuse(`an image has ${layers.length} layers, more than ${maxLayers}`);
    return {
      names: optionalStrings(entry, 'RepoTags', refuse),
      config: () => readSmall(files, { path, file, limitBytes }),
      layers,
    };
  });

  function parse(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(Buffer.from(bytes).toString('utf8'));
    } catch {
      return refuse('manifest.json is not JSON');
    }
  }
}

/** A small file of an archive. @throws {EngineError} `docker-archive.malformed`, `image-content.tooLarge` */
export async function readSmall(
  files: ArchiveFiles,
  wanted: { readonly path: string; readonly file: string; readonly limitBytes: number },
): Promise<Uint8Array> {
  const { path, file, limitBytes } = wanted;
  const sizeBytes = await files.sizeOf(file);
  if (sizeBytes === undefined) throw dockerArchiveErrors.malformed({ path, reason: `it has no file ${file}` });
  if (sizeBytes > limitBytes) throw contentErrors.tooLarge({ what: `${path}/${file}`, sizeBytes, limitBytes });
  const chunks: Uint8Array[] = [];
  for await (const chunk of files.read(file)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Names are compared as references; one that is none is itself. */
function fullName(name: string): string {
  try {
    return formatImageReference(parseImageReference(name));
  } catch {
    return name;
  }
}
