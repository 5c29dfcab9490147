import type { ContainerConfig } from '../model/container-config.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import type { CgroupPlacement, Contribution, NamedContribution } from '../model/launch-plan.ts';
import type { ComposeInput } from './compose.ts';
import type { LaunchChannel } from './encode.ts';

/** Inputs of compose and encode for tests. */
export const UID = parseContainerUid('0123456789ab');

export const CHANNEL: LaunchChannel = {
  stateDirectory: '/run/isopod/c/0123456789ab',
  socketPath: '/run/isopod/s/0123456789ab',
  controlTicket: Uint8Array.of(1, 2),
  ownerTicket: Uint8Array.of(3, 4),
};

/** A hybrid host: v1 limits, v2 tracks. */
export const HYBRID: CgroupPlacement = {
  tracking: { path: '/cg/unified/x/containers/u/self', version: 2, levels: 2 },
  groups: [
    { hierarchy: 'cpu', version: 1, path: '/cg/cpu/x/containers/u', controllers: ['cpu'] },
    { hierarchy: 'cpuacct', version: 1, path: '/cg/cpuacct/x/containers/u', controllers: ['cpu'] },
    { hierarchy: 'memory', version: 1, path: '/cg/memory/x/containers/u', controllers: ['memory'] },
  ],
  joins: [
    { path: '/cg/cpu/x/containers/u', version: 1 },
    { path: '/cg/cpuacct/x/containers/u', version: 1 },
    { path: '/cg/memory/x/containers/u', version: 1 },
    { path: '/cg/pids/x/containers', version: 1 },
  ],
};

export const V2: CgroupPlacement = {
  tracking: { path: '/cg/x/containers/u/self', version: 2, levels: 2 },
  groups: [{ hierarchy: 'v2', version: 2, path: '/cg/x/containers/u', controllers: ['cpu', 'memory'] }],
  joins: [],
};

export const FREEZER: CgroupPlacement = {
  tracking: { path: '/cg/freezer/x/containers/u', version: 1, levels: 1 },
  groups: [],
  joins: [{ path: '/cg/freezer/x/containers/u', version: 1 }],
};

export function config(fields: Partial<ContainerConfig> = {}): ContainerConfig {
  return completeConfig({ name: 'c', rootfs: { kind: 'none' }, command: ['true'], ...fields });
}

export function by(isolator: string, contribution: Contribution): NamedContribution {
  return { isolator, contribution };
}

export function composeInput(
  contributions: readonly NamedContribution[],
  fields: Partial<ComposeInput> = {},
): ComposeInput {
  return {
    uid: UID,
    config: config(),
    contributions,
    placement: HYBRID,
    host: { availableCapabilities: ['CHOWN', 'KILL'], boundingCapabilities: ['CHOWN', 'KILL', 'MKNOD'], uid: 0 },
    mountPoint: '/run/isopod/root',
    logDirectory: '/logs',
    ...fields,
  };
}
