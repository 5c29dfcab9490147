import { UndoStack } from '../base/undo-stack.ts';
import type { ContainerRequest } from '../model/check-request.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import type { Contribution } from '../model/launch-plan.ts';
import type { IsolatedContainer, Isolator, PlanInput } from './isolator.ts';

/** Inputs of isolators for tests. */
export const HOST: HostFacts = {
  hostname: 'box',
  cpuCount: 2,
  controllers: { cpu: 1, memory: 1, pids: 1 },
  cgroupFeatures: ['memory.memsw.limit_in_bytes'],
  lastCapability: 40,
  availableCapabilities: [
    ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'SETGID', 'SETUID', 'SETPCAP', 'NET_BIND_SERVICE', 'KILL'],
    'SYS_ADMIN',
  ],
};

export const HOST_V2: HostFacts = {
  ...HOST,
  controllers: { cpu: 2, memory: 2, pids: 2 },
  cgroupFeatures: ['memory.swap.max'],
};

export const IMAGE: ImageRuntimeConfig = {
  entrypoint: [],
  cmd: ['bash'],
  env: ['PATH=/bin'],
  workdir: '',
  user: '',
  labels: {},
  stopSignal: undefined,
};

export const OVERLAY = { kind: 'overlay', lowerDirs: ['/l'], upperDir: '/u', workDir: '/w' } as const;

/** A container of an image with all isolators; `request` changes what was asked for, `fields` what was found. */
export function planInput(request: Partial<ContainerRequest> = {}, fields: Partial<PlanInput> = {}): PlanInput {
  const rootfs = { kind: 'image', reference: 'debian' } as const;
  return {
    uid: parseContainerUid('0123456789ab'),
    config: completeConfig({ name: 'c', rootfs, ...request }),
    isolators: ['filesystem/linux', 'namespaces/pid', 'namespaces/uts'],
    image: IMAGE,
    rootfs: OVERLAY,
    sandboxDir: '/var/lib/isopod/containers/0123456789ab/sandbox',
    runtimeDir: '/var/lib/isopod/containers/0123456789ab/files',
    host: HOST,
    ...fields,
  };
}

/** The input of a container that keeps the host's tree. */
export function hostTreeInput(request: Partial<ContainerRequest> = {}, fields: Partial<PlanInput> = {}): PlanInput {
  const {
    image: _,
    rootfs: __,
    ...rest
  } = planInput({ rootfs: { kind: 'none' }, command: ['true'], ...request }, fields);
  return rest;
}

/** `prepare`, then `plan` with what it found. */
export async function prepareAndPlan(isolator: Isolator, input: PlanInput): Promise<Contribution> {
  const prepared = (await isolator.prepare?.(input, new UndoStack())) ?? {};
  return isolator.plan({ ...input, prepared });
}

export function isolatedContainer(groups: IsolatedContainer['groups'] = {}): IsolatedContainer {
  const { uid, config, runtimeDir } = planInput();
  return { uid, config, runtimeDir, groups };
}
