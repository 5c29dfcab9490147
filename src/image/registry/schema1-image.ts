import type { Digest } from '../../model/digest.ts';
import { decompressed } from '../compression/decompressed.ts';
import { sha256Of } from '../config-document.ts';
import type { JsonObject, Refuse } from '../json-fields.ts';
import { contentErrors, hashing, verified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import { type Descriptor, manifestErrors } from '../manifest.ts';
import type { FetchedManifest } from '../source.ts';
import { parseSchema1, type Schema1Manifest } from './schema1.ts';

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
/** Fields of the newest layer's description that speak of that layer alone. */
const OF_LAYER = ['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway'];

/** A schema 1 image as the schema 2 image that Docker would have made of it. */
export interface ConvertedImage {
  readonly manifest: FetchedManifest;
  /** Its config, which no registry has. */
  blob(digest: Digest): Uint8Array | undefined;
}

export interface Schema1Context {
  readonly from: string;
  /** What the reference asks for by digest, or the registry says that it is. */
  readonly expected: Digest | undefined;
  readonly limits: ImageLimits;
  readonly sizeOf: (digest: Digest) => Promise<number>;
  readonly blob: (descriptor: Descriptor) => AsyncIterable<Uint8Array>;
}

/**
 * Makes a schema 2 image of one in schema 1. Its config has to say what each layer unpacks to, which nobody has written down, so each
 * layer is read once for that, and once more when it is unpacked.
 *
 * @throws {EngineError} `manifest.malformed`, `image-content.wrongDigest`, what reading a layer throws
 */
export async function convertSchema1(bytes: Uint8Array, context: Schema1Context): Promise<ConvertedImage> {
  const refuse: Refuse = (reason) => {
    throw manifestErrors.malformed({ from: context.from, reason });
  };
  const document = parseSchema1(bytes, refuse);
  const { expected } = context;
  if (expected !== undefined && expected !== document.digest) {
    throw contentErrors.wrongDigest({ what: `the manifest of ${context.from}`, expected, actual: document.digest });
  }
  const layers: { readonly descriptor: Descriptor; readonly diffId: Digest }[] = [];
  const known = new Map<Digest, (typeof layers)[number]>();
  for (const { layer, isEmpty } of document.history) {
    if (isEmpty) continue;
    const read = known.get(layer) ?? (await readLayer(layer, context));
    known.set(layer, read);
    layers.push(read);
  }
  const config = configOf(
    document,
    layers.map(({ diffId }) => diffId),
  );
  const digest = sha256Of(config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: { mediaType: DOCKER_CONFIG, size: config.length, digest },
      layers: layers.map(({ descriptor: { mediaType, sizeBytes, digest: of } }) => ({
        ...{ mediaType, size: sizeBytes, digest: of },
      })),
    }),
  );
  return {
    manifest: { mediaType: DOCKER_MANIFEST, bytes: manifest },
    blob: (wanted) => (wanted === digest ? config : undefined),
  };
}

async function readLayer(
  digest: Digest,
  context: Schema1Context,
): Promise<{ readonly descriptor: Descriptor; readonly diffId: Digest }> {
  const { limits } = context;
  const what = `layer ${digest} of ${context.from}`;
  const sizeBytes = await context.sizeOf(digest);
  if (sizeBytes > limits.maxLayerBytes) {
    throw contentErrors.tooLarge({ what, sizeBytes, limitBytes: limits.maxLayerBytes });
  }
  const descriptor = { mediaType: DOCKER_LAYER, digest, sizeBytes };
  const compressed = verified(context.blob(descriptor), descriptor, what);
  const plain = hashing(decompressed(compressed, what, limits, { compressedBytes: sizeBytes }));
  for await (const _ of plain.stream);
  return { descriptor, diffId: plain.digest() };
}

function configOf({ architecture, history }: Schema1Manifest, diffIds: readonly Digest[]): Buffer {
  const newest = history.at(-1)?.image ?? {};
  const kept = Object.entries(newest).filter(([name]) => !OF_LAYER.includes(name));
  return Buffer.from(
    JSON.stringify({
      ...{ architecture, os: 'linux' },
      ...Object.fromEntries(kept),
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: history.map(({ image, isEmpty }) => historyEntry(image, isEmpty)),
    }),
  );
}

function historyEntry(image: JsonObject, isEmpty: boolean): object {
  const { container_config: made } = image;
  const command = typeof made === 'object' && made !== null && 'Cmd' in made ? made.Cmd : undefined;
  return {
    ...present({ created: image.created, author: image.author, comment: image.comment }),
    ...(Array.isArray(command) && { created_by: command.join(' ') }),
    ...(isEmpty && { empty_layer: true }),
  };
}

function present(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === 'string' && value !== ''));
}
