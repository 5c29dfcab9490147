import type { Effects } from '../../base/effects.ts';
import type { DockerHost } from '../../model/docker-host.ts';
import type { ImageReference } from '../../model/image-reference.ts';
import { hostPlatform, type Platform } from '../../model/platform.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import { aciSource } from '../appc/aci-source.ts';
import type { ArchivePorts } from '../archive/archive-files.ts';
import { dockerArchiveSource } from '../archive/archive-source.ts';
import { directorySource, tarSource } from '../archive/rootfs-source.ts';
import { directorySpool } from '../archive/spool.ts';
import { DaemonClient } from '../docker-daemon/daemon-client.ts';
import { daemonSource } from '../docker-daemon/daemon-image.ts';
import type { ConnectLayerWorker } from '../layer-store.ts';
import { layoutSource } from '../layout/layout-source.ts';
import type { ImageLimits } from '../limits.ts';
import type { Registries } from '../registry/registries.ts';
import type { ImageSource } from '../source.ts';
import type { SourceNotice } from '../source-notice.ts';

export interface SourcePorts extends ArchivePorts {
  /** Looks into directories of this machine. */
  readonly connectWorker: ConnectLayerWorker;
  readonly dockerHost: DockerHost;
  /** What an image is for that does not say so. */
  readonly platform: Platform;
  readonly nowMs: () => number;
  readonly registries: Pick<Registries, 'source'>;
}

/** Where a source outside the store is. */
export type SourceReference = Exclude<ImageReference, { readonly kind: 'embedded' }>;

export interface SourceOptions {
  readonly credential?: RegistryCredential | undefined;
  /** Where a Docker engine is; default: as the ports say. */
  readonly dockerHost?: DockerHost | undefined;
  readonly onNotice?: ((notice: SourceNotice) => void) | undefined;
}

/** Opens a source that is known already. */
export type OpenSource = (told?: Pick<SourceOptions, 'onNotice'>) => ImageSource;

/** What sources need, of what a store has. */
export function sourcePorts(store: {
  readonly effects: Effects;
  /** Directory of the store, whose sweep takes away what a killed process has left. */
  readonly root: string;
  readonly limits: ImageLimits;
  readonly registries: Pick<Registries, 'source'>;
  readonly connectWorker: ConnectLayerWorker;
  readonly dockerHost?: DockerHost | undefined;
  readonly platform?: Platform | undefined;
}): SourcePorts {
  const { effects, root, limits, registries, connectWorker, dockerHost = {}, platform = hostPlatform() } = store;
  return {
    ...{ files: effects.files, spool: directorySpool(effects, root, limits.maxLayerBytes), limits },
    ...{ registries, connectWorker, dockerHost, platform, nowMs: () => effects.clock.nowMs() },
  };
}

/** Any reference but one of the store's own; nothing is opened before the source is used. */
export function openSource(
  reference: SourceReference,
  ports: SourcePorts,
  { credential, dockerHost = ports.dockerHost, onNotice }: SourceOptions = {},
): ImageSource {
  switch (reference.kind) {
    case 'registry':
      return ports.registries.source(reference, credential, onNotice);
    case 'oci':
    case 'oci-archive':
      return layoutSource(reference, ports);
    case 'docker-archive':
      return dockerArchiveSource(reference, ports);
    case 'docker-daemon':
      return daemonSource(reference, new DaemonClient(dockerHost, ports.files), ports);
    case 'tar':
      return tarSource(reference, ports, ports.platform);
    case 'dir':
      return directorySource(reference, ports, ports.platform);
    case 'aci':
      return aciSource(reference, ports, (message) => onNotice?.({ kind: 'warning', message }));
  }
}
