import type { ContainerConfig } from '../../../src/model/container-config.ts';

/** A container on the host's own files that runs a shell command. */
export function shellConfig(name: string, command: string, changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    ...{
      name,
      pull: 'missing',
      env: [],
      labels: {},
      volumes: [],
      devices: [],
      deviceRules: [],
      resources: {},
    },
    ...{ process: {}, sysctls: {} },
    rootfs: { kind: 'none' },
    command: ['/bin/sh', '-c', command],
    ...{ readOnlyRootfs: false, init: false, terminal: false, stdin: false, owned: false, autoRemove: false },
    security: {},
    log: { format: 'cri', maxBytes: 1 << 20, maxFiles: 2 },
    ...changes,
  };
}
