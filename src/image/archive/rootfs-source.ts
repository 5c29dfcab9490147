import type { CopyRoot, TreeCopy } from '../../linux/tree-copy.ts';
import type { Digest } from '../../model/digest.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import type { Platform } from '../../model/platform.ts';
import { emptyConfig, extendConfig } from '../build/config.ts';
import { makeManifest } from '../build/manifest.ts';
import { decompressed } from '../compression/decompressed.ts';
import type { CompressionFormat } from '../compression/format.ts';
import { sha256Of } from '../config-document.ts';
import type { JsonObject } from '../json-fields.ts';
import { hashing } from '../layer-stream.ts';
import { OCI_LAYER } from '../media-types.ts';
import type { ImageSource } from '../source.ts';
import { type ArchivePorts, archiveFileErrors, letGo, regularFile } from './archive-files.ts';
import { bytesFrom, type MadeImage, madeSource } from './made-source.ts';
import type { Held } from './spool.ts';

/** Who looks into a directory of this machine, as the helper's workers do. */
export interface TreeWorker {
  enterRoot(root: CopyRoot): Promise<TreeCopy>;
  close(): void;
}
export type ConnectTreeWorker = (signal?: AbortSignal) => Promise<TreeWorker>;

/** What an image of one layer says of itself. */
export interface RootfsFacts {
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  readonly createdBy: string;
  readonly comment?: string | undefined;
  /** What becomes of an empty config, the part that containers are run by. */
  readonly change?: (config: JsonObject) => JsonObject;
}

/** One layer of a tar stream, wherever its bytes lie. */
interface OneLayer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly diffId: Digest;
  readonly read: (startByte: number) => AsyncIterable<Uint8Array>;
}

const LAYER_TYPES: ReadonlyMap<CompressionFormat, string> = new Map([
  ['none', OCI_LAYER],
  ['gzip', `${OCI_LAYER}+gzip`],
  ['zstd', `${OCI_LAYER}+zstd`],
]);

/**
 * The tar file of a root file system as an image of one layer, which is the file as it lies there: the same file gives the
 * same digests, as long as its time stays. One that is compressed in another way than layers are is held plain.
 */
export function tarSource(
  reference: Extract<ImageReference, { readonly kind: 'tar' }>,
  ports: ArchivePorts,
  platform: Platform,
): ImageSource {
  const name = formatImageReference(reference);
  const held: Held[] = [];
  return madeSource(
    name,
    async () => {
      const path = await regularFile(ports.files, reference.path);
      const { mtimeMs } = await ports.files.status(path);
      const created = new Date(Math.trunc(mtimeMs)).toISOString();
      const layer = await tarLayer(path, { name, held }, ports);
      return oneLayerImage(layer, { platform, created, createdBy: name });
    },
    () => held.forEach(letGo),
  );
}

/** A directory of this machine as an image of one layer: packed once, when it is first read. */
export function directorySource(
  reference: Extract<ImageReference, { readonly kind: 'dir' }>,
  ports: ArchivePorts & { readonly connectWorker: ConnectTreeWorker; readonly nowMs: () => number },
  platform: Platform,
): ImageSource {
  const name = formatImageReference(reference);
  const held: Held[] = [];
  return madeSource(
    name,
    async (signal) => {
      const path = await directoryAt(reference.path, ports);
      const packed = await ports.spool.hold(packedTree(path, ports.connectWorker, signal));
      held.push(packed);
      const created = new Date(ports.nowMs()).toISOString();
      const { digest, sizeBytes, read } = packed;
      const layer = { mediaType: OCI_LAYER, digest, diffId: digest, sizeBytes, read };
      return oneLayerImage(layer, { platform, created, createdBy: name });
    },
    () => held.forEach(letGo),
  );
}

/** An image of one layer that is held in a file of ours; pure but for what `facts` changes. */
function oneLayerImage(layer: OneLayer, facts: RootfsFacts): MadeImage {
  const { platform, created, createdBy, comment, change = (config) => config } = facts;
  const history = { created, createdBy, comment };
  const config = extendConfig(emptyConfig(platform), createdBy, { diffId: layer.diffId, history, change });
  const blobs = new Map([[sha256Of(config) as string, bytesFrom(config)]]);
  blobs.set(layer.digest, layer.read);
  return { manifest: makeManifest(config, [layer]), blobs };
}

/** The layer that a tar file is. @param keep gets what is held for it */
async function tarLayer(
  path: string,
  keep: { readonly name: string; readonly held: Held[] },
  ports: ArchivePorts,
): Promise<OneLayer> {
  const { files, limits, spool } = ports;
  const { sizeBytes } = await files.status(path);
  const whole = hashing(files.readStream(path));
  let format: CompressionFormat = 'none';
  const onFormat = (found: CompressionFormat): void => {
    format = found;
  };
  const plain = hashing(decompressed(whole.stream, keep.name, limits, { compressedBytes: sizeBytes, onFormat }));
  const chunks = plain.stream[Symbol.asyncIterator]();
  const first = await chunks.next();
  const rest = (async function* () {
    for (let part = first; part.done !== true; part = await chunks.next()) yield part.value;
  })();
  const mediaType = LAYER_TYPES.get(format);
  if (mediaType === undefined) {
    const held = await spool.hold(rest);
    keep.held.push(held);
    return {
      mediaType: OCI_LAYER,
      digest: held.digest,
      diffId: held.digest,
      sizeBytes: held.sizeBytes,
      read: held.read,
    };
  }
  for await (const _ of rest);
  const read = (start: number): AsyncIterable<Uint8Array> => files.readStream(path, { start });
  return { mediaType, digest: whole.digest(), diffId: plain.digest(), sizeBytes, read };
}

/** @throws {EngineError} `archive-file.relativePath`, `.missing`, `.notADirectory` */
async function directoryAt(path: string, { files }: Pick<ArchivePorts, 'files'>): Promise<string> {
  if (!path.startsWith('/')) throw archiveFileErrors.relativePath({ path });
  const real = await files.realPath(path).catch((error: unknown) => {
    throw archiveFileErrors.missing({ path }, error);
  });
  const { kind } = await files.status(real);
  if (kind !== 'directory') throw archiveFileErrors.notADirectory({ path, kind });
  return real;
}

async function* packedTree(
  path: string,
  connect: ConnectTreeWorker,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const worker = await connect(signal);
  try {
    const copy = await worker.enterRoot({ kind: 'directory', path });
    for await (const chunk of copy.pack({ path: '/', name: '', followLink: false, attributes: true })) {
      signal.throwIfAborted();
      yield chunk;
    }
  } finally {
    worker.close();
  }
}
