import type { Files } from '../../base/effects.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import { formatBytes } from '../../model/byte-size.ts';
import type { Limitation } from '../../model/exit-status.ts';
import type { GroupContribution, IsolatedContainer, Isolator, UpdateInput, UsageValues } from '../isolator.ts';
import { cgroupContribution, controllerVersion, type GroupReader, groupReader, presentValues } from './controller.ts';

/** Isolator `cgroups/memory`: a group that accounts memory and, when asked, bounds it; a bounded container has no swap. */
export function cgroupsMemory({ files }: { readonly files: Files }): Isolator {
  const bounds = ({ config, host }: UpdateInput): GroupContribution => {
    const version = controllerVersion(host, 'cgroups/memory', 'memory');
    const { memoryLimitBytes } = config.resources;
    const knobs = memoryLimitBytes === undefined ? [] : memoryKnobs(version, memoryLimitBytes, host.cgroupFeatures);
    return cgroupContribution('memory', knobs);
  };
  return {
    name: 'cgroups/memory',
    requires: [],
    appliesTo: (config, host) =>
      config.resources.memoryLimitBytes !== undefined || host.controllers.memory !== undefined,
    plan: bounds,
    update: bounds,
    limitation: (container) => memoryLimitation(files, container),
    usage: (container) => memoryUsage(files, container),
  };
}

/**
 * v1 bounds memory and swap together, and refuses a sum below the memory limit: memory first. Where the host cannot
 * bound swap there is no knob for it, and the memory limit stands alone.
 */
function memoryKnobs(
  version: 1 | 2,
  limitBytes: number,
  features: readonly string[],
): readonly { file: string; value: string }[] {
  const memory = { file: version === 2 ? CGROUP2.memoryMax : CGROUP1.memoryLimit, value: String(limitBytes) };
  const swap =
    version === 2
      ? { file: CGROUP2.memorySwapMax, value: '0' }
      : { file: CGROUP1.memorySwapLimit, value: String(limitBytes) };
  return features.includes(swap.file) ? [memory, swap] : [memory];
}

interface MemoryState {
  readonly limitBytes: number | undefined;
  readonly currentBytes: number | undefined;
  readonly peakBytes: number | undefined;
  /** Processes of the group that the kernel has killed for want of memory. */
  readonly killed: number;
}

async function memoryLimitation(files: Files, container: IsolatedContainer): Promise<Limitation | undefined> {
  const group = groupReader(files, container, 'memory');
  // Everybody who waits for the container waits for this: nearly always one file answers it.
  if (group === undefined || (await killedProcesses(group)) === 0) return undefined;
  const state = await (group.version === 2 ? memoryState2(group.read) : memoryState1(group.read));
  const processes = state.killed === 1 ? '1 process was' : `${state.killed} processes were`;
  const peak = state.peakBytes === undefined ? '' : `, peak use ${formatBytes(state.peakBytes)}`;
  const cause =
    state.limitBytes === undefined
      ? 'memory ran out on the host'
      : `the memory limit of ${formatBytes(state.limitBytes)} was hit`;
  return {
    isolator: 'cgroups/memory',
    resource: 'memory',
    message: `${cause}: ${processes} killed by the kernel${peak}`,
  };
}

async function killedProcesses({ version, read }: { readonly version: 1 | 2; readonly read: GroupReader }) {
  const counts = await read.keyed(version === 2 ? CGROUP2.memoryEvents : CGROUP1.memoryOomControl);
  return counts.get('oom_kill') ?? 0;
}

/** `memoryBytes`, `memoryLimitBytes`, `memoryPeakBytes`, `memoryKilledProcesses`. */
async function memoryUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const state = await memoryState(files, container);
  if (state === undefined) return {};
  return presentValues({
    memoryBytes: state.currentBytes,
    memoryLimitBytes: state.limitBytes,
    memoryPeakBytes: state.peakBytes,
    memoryKilledProcesses: state.killed,
  });
}

async function memoryState(files: Files, container: IsolatedContainer): Promise<MemoryState | undefined> {
  const group = groupReader(files, container, 'memory');
  if (group === undefined) return undefined;
  return group.version === 2 ? memoryState2(group.read) : memoryState1(group.read);
}

async function memoryState1(read: GroupReader): Promise<MemoryState> {
  const control = await read.keyed(CGROUP1.memoryOomControl);
  return {
    limitBytes: await read.bound(CGROUP1.memoryLimit),
    currentBytes: await read.bound(CGROUP1.memoryUsage),
    peakBytes: await read.bound(CGROUP1.memoryPeak),
    killed: control.get('oom_kill') ?? 0,
  };
}

async function memoryState2(read: GroupReader): Promise<MemoryState> {
  const events = await read.keyed(CGROUP2.memoryEvents);
  return {
    limitBytes: await read.bound(CGROUP2.memoryMax),
    currentBytes: await read.bound(CGROUP2.memoryCurrent),
    peakBytes: await read.bound(CGROUP2.memoryPeak),
    killed: events.get('oom_kill') ?? 0,
  };
}
