import { defineErrors } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import { formatImageReference, parseImageReference } from '../../model/image-reference.ts';
import { formatPlatform } from '../../model/platform.ts';
import { letGo } from '../archive/archive-files.ts';
import { DockerArchive } from '../archive/docker-archive.ts';
import { LEGACY_NAMES } from '../archive/legacy-archive.ts';
import { madeSource } from '../archive/made-source.ts';
import { decompressed } from '../compression/decompressed.ts';
import { parseConfigDocument } from '../config-document.ts';
import type { Images } from '../images.ts';
import { readVerified } from '../layer-stream.ts';
import { archiveLayout } from '../layout/layout-files.ts';
import { layoutImages } from '../layout/layout-source.ts';
import { parseManifest } from '../manifest.ts';
import type { ImageSource } from '../source.ts';
import type { ImageOrigin } from '../trust/image-trust.ts';
import type { SourcePorts } from './open-source.ts';

export const loadErrors = defineErrors('image-load', {
  unknownFormat: {
    kind: 'invalid-argument',
    message: (d: { archive: string }) => `${d.archive} holds neither what docker save writes nor an OCI image layout`,
    remedy: () => 'for the tar file of a root file system use isopod import',
  },
  empty: {
    kind: 'invalid-argument',
    message: (d: { archive: string }) => `${d.archive} is a whole archive, and holds no image`,
    remedy: () => 'name the images when it is written: isopod save IMAGE…',
  },
  noBytes: {
    kind: 'invalid-argument',
    message: (d: { archive: string }) => `${d.archive} is empty, and an archive of images was to come from it`,
    remedy: () =>
      'load what isopod save or docker save wrote: isopod load -i FILE, or a pipe; check that the program before the pipe has not failed',
  },
});

export interface LoadOptions {
  /** Of images that the archive has for several platforms; default this machine's. */
  readonly platform?: string | undefined;
  /** Refuses what no signature speaks for, even where the trust policy asks for none. */
  readonly requireSignature?: boolean | undefined;
  /** What errors call the archive; default `the archive`. */
  readonly shownAs?: string | undefined;
  /** Told of each as it comes, for those that came before a failure stay. */
  readonly onLoaded?: ((image: Image) => void) | undefined;
  readonly signal: AbortSignal;
}

/** An image of an archive and the names that it gets. */
interface Found {
  readonly open: () => ImageSource;
  readonly names: readonly string[];
}

/**
 * Takes in every image of an archive, compressed or not: what docker or podman save, or an OCI layout.
 *
 * @returns each with the names that the archive gave it, whatever others it has here
 */
export async function loadImages(
  archive: AsyncIterable<Uint8Array>,
  { platform, requireSignature = false, shownAs = 'the archive', onLoaded, signal }: LoadOptions,
  ports: SourcePorts & { readonly images: Images },
): Promise<readonly Image[]> {
  const { spool, limits, images } = ports;
  const held = await spool.hold(decompressed(untilAborted(archive, signal), shownAs, limits));
  try {
    if (held.sizeBytes === 0) throw loadErrors.noBytes({ archive: shownAs });
    const loaded: Image[] = [];
    const { found, close, transport } = await imagesIn(held.path, { ...ports, shownAs });
    try {
      if (found.length === 0) throw loadErrors.empty({ archive: shownAs });
      for (const { open, names } of found) {
        const given = new Set(names.map((name) => formatImageReference(parseImageReference(name))));
        const chosen = platform ?? (await ownPlatform(open(), ports, signal));
        const origin: ImageOrigin = { kind: 'stream', transport };
        const options = { signal, origin, requireSignature, ...(chosen === undefined ? {} : { platform: chosen }) };
        const image = await images.fetch(open, names, options);
        const named = { ...image, references: image.references.filter((name) => given.has(name)) };
        loaded.push(named);
        onLoaded?.(named);
      }
    } finally {
      close();
    }
    return loaded;
  } finally {
    letGo(held);
  }
}

async function imagesIn(
  path: string,
  ports: SourcePorts & { readonly shownAs: string },
): Promise<{ readonly found: readonly Found[]; close(): void; readonly transport: 'docker-archive' | 'oci-archive' }> {
  const files = await archiveLayout(ports.files, path, ports.shownAs);
  const has = async (file: string): Promise<boolean> => (await files.sizeOf(file)) !== undefined;
  // Docker writes both into one archive since version 25; its own list has the names.
  if ((await has('manifest.json')) || (await has(LEGACY_NAMES))) {
    const archive = await DockerArchive.open(path, ports);
    const found = archive.images.map((image) => ({
      names: image.names,
      open: () =>
        madeSource(
          `${image.names[0] ?? 'without a name'} of ${ports.shownAs}`,
          () => archive.manifestOf(image),
          () => {},
        ),
    }));
    return { found, close: () => archive.close(), transport: 'docker-archive' };
  }
  if (!(await has('oci-layout'))) throw loadErrors.unknownFormat({ archive: ports.shownAs });
  const entries = await layoutImages({ kind: 'oci-archive', path, name: undefined }, ports);
  const found = entries.map(({ refName, open }) => ({ open, names: isFullName(refName) ? [refName] : [] }));
  return { found, close: () => {}, transport: 'oci-archive' };
}

/** A name in a layout may be a tag alone, which names no image elsewhere. */
function isFullName(name: string | undefined): name is string {
  if (name === undefined || !/[/:]/.test(name)) return false;
  try {
    const reference = parseImageReference(name);
    return reference.kind === 'registry' && reference.digest === undefined;
  } catch {
    return false;
  }
}

/** An image for one platform is taken in whatever that is; `undefined` for an index, of which one is chosen. */
async function ownPlatform(
  source: ImageSource,
  { limits }: SourcePorts,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { bytes, mediaType } = await source.root(signal);
    const document = parseManifest(bytes, { from: source.name, mediaType, limits });
    if (document.shape === 'index') return undefined;
    const bound = { what: `the config of ${source.name}`, limitBytes: limits.maxConfigBytes };
    const config = await readVerified(source.blob(document.config, signal), document.config, bound);
    return formatPlatform(parseConfigDocument(config, source.name).platform);
  } finally {
    source.close();
  }
}

async function* untilAborted(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
}
