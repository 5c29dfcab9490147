import type { PlannedConfig } from '../../model/container-config.ts';
import { defineErrors } from '../../model/error.ts';
import { sysctlPath } from '../../model/sysctl.ts';
import type { Isolator } from '../isolator.ts';

export const sysctlIsolatorErrors = defineErrors('linux/sysctl', {
  notNamespaced: {
    kind: 'invalid-argument',
    message: (d: { name: string }) =>
      `kernel parameter ${d.name} is not one of a namespace: set in a container it would change the whole host`,
    remedy: () => `a container may have net.*, fs.mqueue.*, kernel.domainname and those of System V IPC`,
  },
  shared: {
    kind: 'invalid-argument',
    message: (d: { name: string; namespace: string }) =>
      `kernel parameter ${d.name} belongs to the ${d.namespace} namespace, and this container shares that with others`,
    remedy: (d: { namespace: string }) => `give the container a ${d.namespace} namespace of its own`,
  },
});

/** Parameters of System V IPC (Linux ipc/ipc_sysctl.c); all others below kernel.* are the host's. */
const IPC_NAMES: ReadonlySet<string> = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/** The isolators that give a container a namespace of its own. */
const OWN_NAMESPACE = {
  ipc: ['namespaces/ipc'],
  net: ['network/none'],
  uts: ['namespaces/uts'],
} as const;

/**
 * Isolator `linux/sysctl`: kernel parameters of the container's own namespaces; any other is refused (CVE-2022-0811).
 * They are written through a procfs of our own, where no volume of the container can be in the way.
 */
export function sysctl(): Isolator {
  return {
    name: 'linux/sysctl',
    requires: [],
    appliesTo: ({ sysctls }) => Object.keys(sysctls).length > 0,
    plan({ config, isolators }) {
      const entries = Object.entries(config.sysctls);
      for (const [name] of entries) checkOwn(name, config, isolators);
      return entries.length === 0
        ? {}
        : { sysctls: entries.map(([name, value]) => ({ path: sysctlPath(name), value })) };
    },
  };
}

function checkOwn(name: string, config: PlannedConfig, isolators: readonly string[]): void {
  const namespace = namespaceOf(name);
  if (namespace === undefined) throw sysctlIsolatorErrors.notNamespaced({ name });
  const ipc = config.namespaces?.ipc?.kind;
  const isJoined = namespace === 'ipc' && (ipc === 'host' || ipc === 'container');
  const owned = !isJoined && OWN_NAMESPACE[namespace].some((isolator) => isolators.includes(isolator));
  if (!owned) throw sysctlIsolatorErrors.shared({ name, namespace });
}

function namespaceOf(name: string): keyof typeof OWN_NAMESPACE | undefined {
  if (name.startsWith('net.')) return 'net';
  if (name.startsWith('fs.mqueue.') || IPC_NAMES.has(name)) return 'ipc';
  return name === 'kernel.domainname' ? 'uts' : undefined;
}
