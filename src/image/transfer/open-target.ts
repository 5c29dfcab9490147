import { posix } from 'node:path';
import type { Effects } from '../../base/effects.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import { DockerArchiveWriter } from '../archive/docker-archive-writer.ts';
import { OciArchiveWriter } from '../archive/oci-archive-writer.ts';
import { rootfsTarget } from '../archive/rootfs-target.ts';
import type { Spool } from '../archive/spool.ts';
import { fileSink, TarSink } from '../archive/tar-sink.ts';
import { DaemonClient, type DockerHost } from '../docker-daemon/daemon-client.ts';
import { daemonTarget } from '../docker-daemon/daemon-image.ts';
import type { ConnectLayerWorker } from '../layer-store.ts';
import { layoutTarget } from '../layout/layout-target.ts';
import type { OpenLayouts } from '../layout/open-layouts.ts';
import type { ImageLimits } from '../limits.ts';
import type { Registries, TargetOptions } from '../registry/registries.ts';
import type { KeyedLock } from '../store/keyed-lock.ts';
import type { ImageTarget } from '../target.ts';
import { filePlace } from './file-place.ts';

export const targetErrors = defineErrors('image-target', {
  onlySource: {
    kind: 'invalid-argument',
    message: (d: { reference: string }) => `${d.reference} is a source of images, and nothing can be written there`,
    remedy: () => 'write to a registry, oci:, oci-archive:, docker-archive:, docker-daemon:, dir: or tar:',
  },
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
});

export interface TargetPorts {
  readonly dockerHost: DockerHost;
  readonly effects: Effects;
  /** Directory of the store, whose sweep takes away what a killed process has left. */
  readonly root: string;
  readonly spool: Spool;
  readonly limits: ImageLimits;
  readonly connectWorker: ConnectLayerWorker;
  readonly turns: KeyedLock;
  readonly layouts: OpenLayouts;
  readonly registries: Pick<Registries, 'target'>;
}

/** Where one image goes. @param registry for a target in one @throws {EngineError} `image-target.*` */
export async function openTarget(
  reference: ImageReference,
  ports: TargetPorts,
  registry: TargetOptions = {},
): Promise<ImageTarget> {
  const { effects } = ports;
  switch (reference.kind) {
    case 'registry':
      return ports.registries.target(reference, registry);
    case 'oci':
      return layoutTarget(reference, { files: effects.files, turns: ports.turns, layouts: ports.layouts });
    case 'oci-archive': {
      const writer = new OciArchiveWriter(formatImageReference(reference), await tarAt(reference.path, effects));
      return whole(writer, writer.image(reference.name === undefined ? [] : [reference.name]));
    }
    case 'docker-archive': {
      const name = formatImageReference(reference);
      if (reference.name?.startsWith('@') === true) throw targetErrors.placeInArchive({ reference: name });
      const writer = new DockerArchiveWriter(name, await tarAt(reference.path, effects), ports);
      return whole(writer, writer.image(reference.name === undefined ? [] : [reference.name]));
    }
    case 'docker-daemon':
      return daemonTarget(reference, new DaemonClient(ports.dockerHost, effects.files), ports);
    case 'tar':
      return rootfsTarget({ ...reference, path: await filePlace(reference.path, effects.files) }, ports);
    case 'dir':
      return rootfsTarget(reference, ports);
    case 'aci':
    case 'embedded':
      throw targetErrors.onlySource({ reference: formatImageReference(reference) });
  }
}

interface ArchiveWriter {
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** An archive with this image alone. */
function whole(writer: ArchiveWriter, image: ImageTarget): ImageTarget {
  return {
    name: image.name,
    isStream: image.isStream === true,
    checkRoot: (root) => image.checkRoot?.(root),
    hasBlob: (...words) => image.hasBlob(...words),
    putBlob: (...words) => image.putBlob(...words),
    putManifest: (...words) => image.putManifest(...words),
    finish: async (signal) => {
      await image.finish(signal);
      await writer.finish();
    },
    close: () => writer.close(),
  };
}

async function tarAt(path: string, { files }: Effects): Promise<TarSink> {
  if (!path.startsWith('/')) throw targetErrors.relativePath({ path });
  const place = await filePlace(path, files);
  const directory = posix.dirname(place);
  try {
    return new TarSink(fileSink(await files.openWriter(directory, 0o644), place));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw targetErrors.noDirectory({ path, directory }, error);
    throw error;
  }
}
