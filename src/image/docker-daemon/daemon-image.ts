import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import { type ArchivePorts, letGo } from '../archive/archive-files.ts';
import { ByteChannel } from '../archive/byte-channel.ts';
import { DockerArchive } from '../archive/docker-archive.ts';
import { DockerArchiveWriter } from '../archive/docker-archive-writer.ts';
import { madeSource } from '../archive/made-source.ts';
import type { Held } from '../archive/spool.ts';
import { TarSink } from '../archive/tar-sink.ts';
import type { ImageSource } from '../source.ts';
import type { ImageTarget } from '../target.ts';
import type { DaemonClient } from './daemon-client.ts';

/** What errors call the archive that a Docker engine sends. */
const SAVED = 'what the Docker engine saves';

type DaemonReference = Extract<ImageReference, { readonly kind: 'docker-daemon' }>;

/** An image of a Docker engine: what it saves is held in a file of ours until `close`. */
export function daemonSource(reference: DaemonReference, client: DaemonClient, ports: ArchivePorts): ImageSource {
  let held: Held | undefined;
  let archive: DockerArchive | undefined;
  return madeSource(
    formatImageReference(reference),
    async (signal) => {
      held = await ports.spool.hold(client.save(reference.name, signal));
      archive = await DockerArchive.open(held.path, { ...ports, shownAs: SAVED });
      return archive.manifestOf(archive.find(archive.images.length === 1 ? undefined : reference.name));
    },
    () => {
      archive?.close();
      if (held !== undefined) letGo(held);
    },
  );
}

/** Gives an image to a Docker engine, as an archive that is sent while it is written. */
export function daemonTarget(
  reference: DaemonReference,
  client: DaemonClient,
  ports: Pick<ArchivePorts, 'spool' | 'limits'>,
): ImageTarget {
  const name = formatImageReference(reference);
  const channel = new ByteChannel();
  const writer = new DockerArchiveWriter(name, new TarSink(channel), ports);
  const image = writer.image([reference.name]);
  let loading: Promise<void> | undefined;
  const begin = (signal: AbortSignal): void => {
    loading ??= client.load(channel.read(), signal);
    // Awaited in `finish`. A call that fails before it reads must not leave the writer waiting for a reader.
    loading.catch(() => channel.leave());
  };
  return {
    ...image,
    putBlob: async (descriptor, content, signal) => {
      begin(signal);
      await image.putBlob(descriptor, content, signal);
    },
    finish: async (signal) => {
      begin(signal);
      await image.finish(signal);
      await writer.finish();
      await loading;
    },
    close: () => writer.close(),
  };
}
