import type { ImageReference } from '../../model/image-reference.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import { aciSource } from '../appc/aci-source.ts';
import type { ArchivePorts } from '../archive/archive-files.ts';
import { dockerArchiveSource } from '../archive/archive-source.ts';
import { type ConnectTreeWorker, directorySource, tarSource } from '../archive/rootfs-source.ts';
import { DaemonClient, type DockerHost } from '../docker-daemon/daemon-client.ts';
import { daemonSource } from '../docker-daemon/daemon-image.ts';
import { layoutSource } from '../layout/layout-source.ts';
import type { Platform } from '../platform.ts';
import type { Registries } from '../registry/registries.ts';
import type { ImageSource } from '../source.ts';

/** What is outside of the store, for whoever brings images from there or to there. */
export interface OutsidePorts {
  /** Looks into directories of this machine. */
  readonly connectTree: ConnectTreeWorker;
  readonly dockerHost: DockerHost;
}

export interface SourcePorts extends ArchivePorts, OutsidePorts {
  /** What an image is for that does not say so. */
  readonly platform: Platform;
  readonly nowMs: () => number;
  readonly registries: Pick<Registries, 'source'>;
}

/** Any reference but one of the store's own; nothing is opened before the source is used. */
export function openSource(
  reference: Exclude<ImageReference, { readonly kind: 'embedded' }>,
  ports: SourcePorts,
  credential?: RegistryCredential,
): ImageSource {
  switch (reference.kind) {
    case 'registry':
      return ports.registries.source(reference, credential);
    case 'oci':
    case 'oci-archive':
      return layoutSource(reference, ports);
    case 'docker-archive':
      return dockerArchiveSource(reference, ports);
    case 'docker-daemon':
      return daemonSource(reference, new DaemonClient(ports.dockerHost, ports.files), ports);
    case 'tar':
      return tarSource(reference, ports, ports.platform);
    case 'dir':
      return directorySource(reference, ports, ports.platform);
    case 'aci':
      return aciSource(reference, ports, ports.platform);
  }
}
