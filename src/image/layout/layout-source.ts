import { digestHex } from '../../model/digest.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import { type ArchiveFiles, type ArchivePorts, openArchive } from '../archive/archive-files.ts';
import { asString, parseJsonObject } from '../json-fields.ts';
import { contentErrors, readVerified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import { type Descriptor, type IndexEntry, parseManifest } from '../manifest.ts';
import { OCI_INDEX } from '../media-types.ts';
import type { FetchedManifest, ImageSource } from '../source.ts';
import { directoryLayout, type LayoutFiles } from './layout-files.ts';
import { layoutReferrers } from './layout-referrers.ts';

export const layoutErrors = defineErrors('layout', {
  relativePath: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `path ${d.path} is not absolute`,
    remedy: () => 'give the path from / on',
  },
  missing: {
    kind: 'not-found',
    message: (d: { path: string }) => `there is no image layout at ${d.path}`,
    remedy: () => 'check the path; oci: takes a directory, oci-archive: a file',
  },
  missingParent: {
    kind: 'not-found',
    message: (d: { path: string; parent: string }) =>
      `layout ${d.path} cannot be made: there is no directory ${d.parent}`,
    remedy: () => 'make that directory first',
  },
  notALayout: {
    kind: 'invalid-argument',
    message: (d: { path: string; reason: string }) => `${d.path} is not an OCI image layout: ${d.reason}`,
    remedy: () => 'make one, for example with: skopeo copy docker://IMAGE oci:DIRECTORY:TAG',
  },
  unknownName: {
    kind: 'not-found',
    message: (d: { path: string; name: string; names: readonly string[] }) =>
      `layout ${d.path} has no image ${JSON.stringify(d.name)}; it has ${d.names.length === 0 ? 'none with a name' : d.names.join(', ')}`,
  },
  nameNeeded: {
    kind: 'invalid-argument',
    message: (d: { path: string; names: readonly string[] }) =>
      `layout ${d.path} has several images: ${d.names.join(', ')}`,
    remedy: () => 'add the name of one of them after a colon',
  },
  missingBlob: {
    kind: 'data-loss',
    message: (d: { path: string; digest: string }) => `layout ${d.path} lacks ${d.digest}`,
  },
});

type LayoutReference = Extract<ImageReference, { readonly kind: 'oci' | 'oci-archive' }>;

/**
 * An image in an OCI layout on this machine (OCI image-spec v1.1, image-layout.md).
 *
 * @param chosen of its images, where it is known already
 * @param shownName what errors call the image; default its reference
 */
export function layoutSource(
  reference: LayoutReference,
  ports: ArchivePorts,
  chosen?: IndexEntry,
  shownName?: string,
): ImageSource {
  const { limits, shownAs: path = reference.path } = ports;
  const name = shownName ?? formatImageReference(reference);
  let opened: Promise<LayoutFiles> | undefined;
  let archive: ArchiveFiles | undefined;
  const open = (): Promise<LayoutFiles> => {
    opened ??= openLayout(reference, ports, (files) => {
      archive = files;
    });
    return opened;
  };
  const blob = async function* (
    descriptor: Descriptor,
    _signal?: AbortSignal,
    startByte = 0,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const layout = await open();
    const file = blobPath(descriptor);
    const size = await layout.sizeOf(file);
    if (size === undefined) throw layoutErrors.missingBlob({ path, digest: descriptor.digest });
    yield* layout.read(file, startByte);
  };
  const manifest = async (descriptor: Descriptor): Promise<FetchedManifest> => ({
    mediaType: descriptor.mediaType,
    bytes: await readVerified(blob(descriptor), descriptor, {
      what: `manifest ${descriptor.digest} of ${name}`,
      limitBytes: limits.maxManifestBytes,
    }),
  });
  return {
    name,
    pinned: undefined,
    root: async () => manifest(chosen ?? (await chooseEntry(reference, await open(), limits))),
    manifest,
    blob,
    referrers: async (subject) => {
      const entries = await entriesOf(path, await open(), limits);
      return layoutReferrers(entries, subject, async (entry) => (await manifest(entry)).bytes);
    },
    close: () => {
      archive?.close();
      archive = undefined;
      opened = undefined;
    },
  };
}

/** Every image of a layout; one that is opened is called as its archive is, where that has a name of its own for errors. */
export async function layoutImages(
  reference: LayoutReference,
  ports: ArchivePorts,
): Promise<readonly { readonly refName: string | undefined; readonly open: () => ImageSource }[]> {
  let archive: ArchiveFiles | undefined;
  const layout = await openLayout(reference, ports, (opened) => {
    archive = opened;
  });
  try {
    const { shownAs, limits } = ports;
    const entries = await entriesOf(shownAs ?? reference.path, layout, limits);
    return entries.map((entry) => {
      const { refName } = entry;
      const shownName = shownAs === undefined ? undefined : `${refName ?? 'without a name'} of ${shownAs}`;
      return { refName, open: () => layoutSource(reference, ports, entry, shownName) };
    });
  } finally {
    archive?.close();
  }
}

/** @param opened is told of an archive, which is to be closed */
async function openLayout(
  reference: LayoutReference,
  ports: ArchivePorts,
  opened: (archive: ArchiveFiles) => void,
): Promise<LayoutFiles> {
  const { path, kind } = reference;
  const { files } = ports;
  if (!path.startsWith('/')) throw layoutErrors.relativePath({ path });
  const status = await files.status(path).catch((error) => {
    if (systemErrorCode(error) === 'ENOENT') throw layoutErrors.missing({ path });
    throw error;
  });
  const real = status.kind === 'symlink' ? await files.realPath(path) : path;
  const expected = kind === 'oci' ? 'directory' : 'file';
  const found = (await files.status(real)).kind;
  if (found !== expected) throw layoutErrors.notALayout({ path, reason: `it is not a ${expected} (${found})` });
  if (kind === 'oci') return directoryLayout(files, real);
  const archive = await openArchive(real, ports);
  opened(archive);
  return archive;
}

async function chooseEntry(reference: LayoutReference, layout: LayoutFiles, limits: ImageLimits): Promise<IndexEntry> {
  const { path, name } = reference;
  const entries = await entriesOf(path, layout, limits);
  const names = entries.flatMap((entry) => (entry.refName === undefined ? [] : [entry.refName]));
  if (name !== undefined) {
    const entry = entries.find(({ refName }) => refName === name);
    if (entry === undefined) throw layoutErrors.unknownName({ path, name, names });
    return entry;
  }
  const [only, ...others] = entries;
  if (only === undefined) throw layoutErrors.notALayout({ path, reason: 'it has no image' });
  if (others.length > 0) throw layoutErrors.nameNeeded({ path, names });
  return only;
}

async function entriesOf(path: string, layout: LayoutFiles, limits: ImageLimits): Promise<readonly IndexEntry[]> {
  await checkVersion(path, layout);
  const bytes = await readSmall(path, layout, { file: 'index.json', limitBytes: limits.maxManifestBytes });
  const index = parseManifest(bytes, { from: `layout ${path}`, mediaType: OCI_INDEX, limits });
  return index.shape === 'index' ? index.entries : [];
}

async function checkVersion(path: string, layout: LayoutFiles): Promise<void> {
  const refuse = (reason: string): never => {
    throw layoutErrors.notALayout({ path, reason: `oci-layout: ${reason}` });
  };
  const document = parseJsonObject(await readSmall(path, layout, { file: 'oci-layout', limitBytes: 4096 }), refuse);
  const version = asString(document.imageLayoutVersion, 'imageLayoutVersion', refuse);
  if (!version.startsWith('1.')) refuse(`version ${version} is not 1.x`);
}

async function readSmall(
  path: string,
  layout: LayoutFiles,
  bound: { readonly file: string; readonly limitBytes: number },
): Promise<Uint8Array> {
  const { file, limitBytes } = bound;
  const sizeBytes = await layout.sizeOf(file);
  if (sizeBytes === undefined) throw layoutErrors.notALayout({ path, reason: `it has no file ${file}` });
  if (sizeBytes > limitBytes) throw contentErrors.tooLarge({ what: `${path}/${file}`, sizeBytes, limitBytes });
  const chunks: Uint8Array[] = [];
  for await (const chunk of layout.read(file)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function blobPath(descriptor: Descriptor): string {
  return `blobs/sha256/${digestHex(descriptor.digest)}`;
}
