import { posix } from 'node:path';
import type { Effects } from '../../base/effects.ts';
import { defineErrors, type EngineError, isErrorOfKind, systemErrorCode } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import { openArchive } from '../archive/archive-files.ts';
import { DockerArchiveWriter } from '../archive/docker-archive-writer.ts';
import { OciArchiveWriter } from '../archive/oci-archive-writer.ts';
import type { Spool } from '../archive/spool.ts';
import { fileSink, TarSink } from '../archive/tar-sink.ts';
import { withoutImage } from '../layout/layout-index.ts';
import { layoutImages } from '../layout/layout-source.ts';
import type { ImageLimits } from '../limits.ts';
import type { ImageSource } from '../source.ts';
import type { KeyedLock } from '../store/keyed-lock.ts';
import type { ImageTarget } from '../target.ts';
import { filePlace } from './file-place.ts';
import { transferImage } from './transfer.ts';

export const archiveTargetErrors = defineErrors('image-target', {
  placeInArchive: {
    kind: 'invalid-argument',
    message: (d: { reference: string }) => `${d.reference} names a place in an archive that is to be written anew`,
    remedy: () => 'give the image a name, or leave it out',
  },
  relativePath: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `path ${d.path} is not absolute`,
    remedy: () => 'give the path from / on',
  },
  noDirectory: {
    kind: 'not-found',
    message: (d: { path: string; directory: string }) =>
      `${d.path} cannot be written: there is no directory ${d.directory}`,
  },
  exists: {
    kind: 'already-exists',
    message: (d: { path: string; sizeBytes: number }) =>
      `${d.path} is there already (${d.sizeBytes} bytes), and no image is added to a docker-archive`,
    remedy: () =>
      'remove it first, or name another file; an oci-archive takes further images, and isopod save -o writes several, in place of what is there',
  },
  notAdded: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) =>
      `${d.path} is there already, and no OCI image layout that takes a further image: ${d.reason}`,
    remedy: () => 'remove it first, or name another file',
  },
});

export interface ArchiveTargetPorts {
  readonly effects: Effects;
  readonly spool: Spool;
  readonly limits: ImageLimits;
  /** Of archives, by file: who adds to one reads it before. */
  readonly turns: KeyedLock;
}

type DockerArchiveReference = Extract<ImageReference, { readonly kind: 'docker-archive' }>;
type LayoutReference = Extract<ImageReference, { readonly kind: 'oci' | 'oci-archive' }>;

/**
 * What `docker load` reads, in a file of its own: as with skopeo, one that is there already and not empty is refused.
 *
 * @throws {EngineError} `image-target.exists` (already-exists), `.placeInArchive`, `.relativePath`, `.noDirectory`, `file-place.noFile`
 */
export async function dockerArchiveTarget(
  reference: DockerArchiveReference,
  ports: ArchiveTargetPorts,
): Promise<ImageTarget> {
  const name = formatImageReference(reference);
  if (reference.name?.startsWith('@') === true) throw archiveTargetErrors.placeInArchive({ reference: name });
  const place = await placeOf(reference.path, ports.effects);
  const refuse = async (): Promise<void> => {
    const sizeBytes = await sizeOf(place, ports.effects);
    if (sizeBytes > 0) throw archiveTargetErrors.exists({ path: reference.path, sizeBytes });
  };
  await refuse();
  const writer = new DockerArchiveWriter(name, await tarAt(place, reference.path, ports.effects), {
    spool: ports.spool,
    limits: ports.limits,
  });
  const image = writer.image(reference.name === undefined ? [] : [reference.name]);
  return whole(writer, image, (signal, work) =>
    ports.turns.run(place, signal, async () => {
      await refuse(); // of copies that begin at once the first that is whole has the file
      await work();
    }),
  );
}

/**
 * An OCI layout in a tar file. What it holds already stays, but for an image of the same name; the file is written anew
 * with all of it and takes the place of the old one when it is whole.
 *
 * @throws {EngineError} `image-target.notAdded` (failed-precondition), `.relativePath`, `.noDirectory`, `file-place.noFile`
 */
export async function ociArchiveTarget(reference: LayoutReference, ports: ArchiveTargetPorts): Promise<ImageTarget> {
  const place = await placeOf(reference.path, ports.effects);
  await othersIn(reference, place, ports); // told before anything is copied
  const writer = new OciArchiveWriter(
    formatImageReference(reference),
    await tarAt(place, reference.path, ports.effects),
  );
  const image = writer.image(reference.name === undefined ? [] : [reference.name]);
  return whole(writer, image, (signal, work) =>
    ports.turns.run(place, signal, async () => {
      const others = await othersIn(reference, place, ports);
      // As they are: the list that is kept names them by their digests.
      const rest = { ...writer.image([]), isOciOnly: false };
      for (const open of others?.images ?? []) {
        const source = open();
        try {
          await transferImage(source, rest, { platforms: 'all', limits: ports.limits, signal });
        } finally {
          source.close();
        }
      }
      writer.beginWith(others?.index);
      await work();
    }),
  );
}

/** The images of an archive that is there, but for one that is to be written to it. */
interface Others {
  readonly index: Uint8Array;
  readonly images: readonly (() => ImageSource)[];
}

/** @returns undefined where there is no archive yet */
async function othersIn(
  reference: LayoutReference,
  place: string,
  { effects, spool, limits }: ArchiveTargetPorts,
): Promise<Others | undefined> {
  const { path, name } = reference;
  if ((await sizeOf(place, effects)) === 0) return undefined;
  const ports = { files: effects.files, spool, limits };
  try {
    const images = await layoutImages({ ...reference, path: place }, ports);
    const archive = await openArchive(place, ports);
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of archive.read('index.json')) chunks.push(chunk);
      const index = withoutImage(Buffer.concat(chunks), { path, name });
      return { index, images: images.filter(({ refName }) => refName !== name).map(({ open }) => open) };
    } finally {
      archive.close();
    }
  } catch (error) {
    if (!isErrorOfKind(error, 'invalid-argument') && !isErrorOfKind(error, 'data-loss')) throw error;
    throw archiveTargetErrors.notAdded({ path, reason: (error as EngineError).message }, error);
  }
}

interface ArchiveWriter {
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** @param inTurn runs the end of a copy while nobody else ends one at this file */
function whole(
  writer: ArchiveWriter,
  image: ImageTarget,
  inTurn: (signal: AbortSignal, work: () => Promise<void>) => Promise<void>,
): ImageTarget {
  return {
    name: image.name,
    isOciOnly: image.isOciOnly === true,
    isStream: image.isStream === true,
    isImagesOnly: image.isImagesOnly === true,
    checkRoot: (root) => image.checkRoot?.(root),
    hasBlob: (...words) => image.hasBlob(...words),
    putBlob: (...words) => image.putBlob(...words),
    putManifest: (...words) => image.putManifest(...words),
    finish: (signal) =>
      inTurn(signal, async () => {
        await image.finish(signal);
        await writer.finish();
      }),
    close: () => writer.close(),
  };
}

async function placeOf(path: string, { files }: Effects): Promise<string> {
  if (!path.startsWith('/')) throw archiveTargetErrors.relativePath({ path });
  return filePlace(path, files);
}

/** @returns 0 also where there is no file */
async function sizeOf(place: string, { files }: Effects): Promise<number> {
  try {
    return (await files.status(place)).sizeBytes;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return 0;
    throw error;
  }
}

async function tarAt(place: string, path: string, { files }: Effects): Promise<TarSink> {
  const directory = posix.dirname(place);
  try {
    return new TarSink(fileSink(await files.openWriter(directory, 0o644), place));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw archiveTargetErrors.noDirectory({ path, directory }, error);
    throw error;
  }
}
