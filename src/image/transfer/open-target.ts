import type { Effects } from '../../base/effects.ts';
import type { DockerHost } from '../../model/docker-host.ts';
import { defineErrors } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import { rootfsTarget } from '../archive/rootfs-target.ts';
import type { Spool } from '../archive/spool.ts';
import { DaemonClient } from '../docker-daemon/daemon-client.ts';
import { daemonTarget } from '../docker-daemon/daemon-image.ts';
import type { ConnectLayerWorker } from '../layer-store.ts';
import { layoutTarget } from '../layout/layout-target.ts';
import type { OpenLayouts } from '../layout/open-layouts.ts';
import type { ImageLimits } from '../limits.ts';
import type { Registries, TargetOptions } from '../registry/registries.ts';
import type { KeyedLock } from '../store/keyed-lock.ts';
import type { ImageTarget } from '../target.ts';
import { dockerArchiveTarget, ociArchiveTarget } from './archive-target.ts';
import { filePlace } from './file-place.ts';

export const targetErrors = defineErrors('image-target', {
  onlySource: {
    kind: 'invalid-argument',
    message: (d: { reference: string }) => `${d.reference} is a source of images, and nothing can be written there`,
    remedy: () => 'write to a registry, oci:, oci-archive:, docker-archive:, docker-daemon:, dir: or tar:',
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
    case 'oci-archive':
      return ociArchiveTarget(reference, ports);
    case 'docker-archive':
      return dockerArchiveTarget(reference, ports);
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
