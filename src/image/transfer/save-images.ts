import type { Digest } from '../../model/digest.ts';
import type { Image } from '../../model/image-config.ts';
import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
  shortImageReference,
} from '../../model/image-reference.ts';
import type { ArchivePorts } from '../archive/archive-files.ts';
import { ByteChannel } from '../archive/byte-channel.ts';
import { DockerArchiveWriter } from '../archive/docker-archive-writer.ts';
import { OciArchiveWriter } from '../archive/oci-archive-writer.ts';
import { TarSink } from '../archive/tar-sink.ts';
import type { Images } from '../images.ts';
import type { ImageSource } from '../source.ts';
import { asDamage, checkKept, type KeptImage } from './check-kept.ts';
import { checkPlatform } from './check-platform.ts';
import { asSystemFailure } from './system-failure.ts';
import { transferImage } from './transfer.ts';

/** Formats that `save` writes. */
export const SAVE_FORMATS = ['docker-archive', 'oci-archive'] as const;
export type SaveFormat = (typeof SAVE_FORMATS)[number];

export interface SaveRequest {
  readonly images: readonly string[];
  readonly format: SaveFormat;
  /** Refuses images that are here for another one. */
  readonly platform?: string | undefined;
}

export interface SavePorts {
  readonly images: Pick<Images, 'source' | 'blobs' | 'upkeep'>;
  readonly archives: Pick<ArchivePorts, 'spool' | 'limits'>;
  /** The image of a text. @throws {EngineError} `images.unknown` (not-found) */
  readonly found: (text: string) => Promise<Image>;
  readonly signal: AbortSignal;
}

interface Wanted {
  readonly source: ImageSource;
  readonly name: ImageReference | undefined;
  readonly kept: KeptImage;
}

/**
 * Images of the store as one archive, which is whole when the stream ends without an error. Whatever can be known before
 * its first byte is told before it: what is not there, or is damaged, but for layers, which are hashed as they are sent.
 *
 * @throws {EngineError} `images.unknown`, as `checkKept` and `checkPlatform`, `docker-archive-target.severalPlatforms`
 */
export async function saveImages(request: SaveRequest, ports: SavePorts): Promise<AsyncIterable<Uint8Array>> {
  const { images, archives, signal } = ports;
  const context = { limits: archives.limits, signal };
  const channel = new ByteChannel();
  const writer = writerOf(request, new TarSink(channel), archives);
  const wanted: Wanted[] = [];
  for (const text of request.images) {
    const image = await ports.found(text);
    const name = referenceOf(text, image);
    const source = await images.source(text);
    const kept = { name: text, remedy: (digest: Digest) => images.upkeep.remedy(image.manifestDigest, digest) };
    await checkKept(source, images.blobs, { ...context, image: kept });
    writer.image([]).checkRoot?.(await source.root(signal));
    if (request.platform !== undefined) await checkPlatform(source, { platform: request.platform, ...context });
    wanted.push({ source, name, kept });
  }
  const left = new AbortController();
  const until = AbortSignal.any([signal, left.signal]);
  const spelled = request.format === 'oci-archive' ? formatImageReference : shortImageReference;
  const write = async (): Promise<void> => {
    for (const { source, name, kept } of wanted) {
      const target = writer.image(isTag(name) ? [spelled(name)] : []);
      await transferImage(source, target, { platforms: 'all', ...context, signal: until }).catch(
        async (error: unknown) => {
          throw await asDamage(error, kept);
        },
      );
      await target.finish(until);
    }
    await writer.finish();
  };
  return (async function* () {
    const written = write().catch((error: unknown) => writer.close(asSystemFailure(error, 'saving')));
    try {
      yield* channel.read();
    } finally {
      left.abort();
      await written;
    }
  })();
}

function writerOf(
  { format }: SaveRequest,
  tar: TarSink,
  archives: SavePorts['archives'],
): OciArchiveWriter | DockerArchiveWriter {
  return format === 'oci-archive'
    ? new OciArchiveWriter('the archive', tar)
    : new DockerArchiveWriter('the archive', tar, archives);
}

/** The name that a text says; none for an id. Pure. */
export function referenceOf(text: string, { references }: Image): ImageReference | undefined {
  const name = references.find((reference) => reference === text || isSpelled(text, reference));
  return name === undefined ? undefined : parseImageReference(name);
}

/** What an archive can call an image: a name by digest, or of a directory, is none that anybody would load. */
function isTag(name: ImageReference | undefined): name is ImageReference {
  return name?.kind === 'embedded' || (name?.kind === 'registry' && name.digest === undefined);
}

function isSpelled(text: string, reference: string): boolean {
  try {
    return formatImageReference(parseImageReference(text)) === reference;
  } catch {
    return false; // an id of 64 digits is no reference
  }
}
