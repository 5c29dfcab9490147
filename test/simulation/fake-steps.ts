import { constants } from 'node:os';
import { dirname } from 'node:path';
import { systemErrorCode } from '../../src/model/error.ts';
import { LAUNCH_KIND, type MessageValues, type Step } from '../../src/model/wire.ts';
import type { FakeKernel, FakeProcess } from './fake-kernel.ts';

/** What a step leaves behind; child steps only shape the process itself, which the simulation does not look into. */
type StepResult = { readonly ok: true } | { readonly ok: false; readonly errno: number; readonly detail: string };

/** Executes one host step on the fake kernel. */
export function runHostStep(kernel: FakeKernel, step: Step): StepResult {
  const path = String(step.values.path ?? '');
  try {
    switch (step.op) {
      case 'make-directory':
        if (!(step.values.existingOk === 1 && kernel.disk.isDirectory(path))) kernel.disk.makeDirectory(path);
        break;
      case 'enter-namespaces': // before the child is made
        break;
      case 'make-cgroup':
        if (kernel.makeContainerGroup(path) === undefined) return failure('ENOENT', path);
        break;
      case 'write-kernel-file':
        kernel.writeKnob(path, String(step.values.value));
        break;
      case 'freeze-cgroup':
        if (step.values.frozen === 1) kernel.freezeGroup(path);
        else kernel.thawGroup(path);
        break;
      case 'signal-cgroup':
        kernel.signalGroup(path, Number(step.values.signal));
        break;
      case 'kill-cgroup':
        kernel.killGroup(path);
        break;
      case 'remove-cgroup':
        if (kernel.removeGroup(path) === 'EBUSY') return failure('EBUSY', path);
        break;
      case 'remove-tree':
        removeTree(kernel, `${String(step.values.directory)}/${String(step.values.name)}`);
        break;
      case 'create-overlay':
        for (const directory of [step.values.upper, step.values.work]) {
          if (directory !== '' && !kernel.disk.isDirectory(String(directory))) return failure('ENOENT', path);
        }
        break;
      default:
        return failure('ENOSYS', step.op);
    }
    return { ok: true };
  } catch (error) {
    return failure(systemErrorCode(error) ?? 'EIO', path);
  }
}

/** Why a child was not born. */
interface Unborn {
  readonly failed: 'host' | 'clone';
  readonly step: number;
  readonly errno: number;
  readonly detail: string;
}

/** The child of a launch: in its own group and inside what it enters, or in the group of whom a session joins. */
export function bear(kernel: FakeKernel, launch: MessageValues<'launch'>): FakeProcess | Unborn {
  const meant = (pid: unknown, startTime: unknown): FakeProcess | undefined => {
    const found = kernel.processes.get(Number(pid));
    return found?.startTime === BigInt(Number(startTime)) ? found : undefined;
  };
  if (Number(launch.kind) !== LAUNCH_KIND.container) {
    const target = meant(launch.enterPid, launch.enterStartTime);
    return target === undefined ? unborn('clone', 'ESRCH') : kernel.fork(target.group, false);
  }
  if (kernel.makeContainerGroup(launch.trackingCgroup) === undefined) {
    return { ...unborn('clone', 'ENOENT'), detail: launch.trackingCgroup };
  }
  const step = launch.hostSteps.findIndex(({ op }) => op === 'enter-namespaces');
  if (step < 0) return kernel.fork(launch.trackingCgroup, true);
  const { pid, startTime } = launch.hostSteps[step]?.values ?? {};
  const around = meant(pid, startTime);
  return around === undefined ? { ...unborn('host', 'ESRCH'), step } : kernel.fork(launch.trackingCgroup, true, around);
}

function unborn(failed: Unborn['failed'], code: 'ESRCH' | 'ENOENT'): Unborn {
  return { failed, step: 0, errno: constants.errno[code], detail: '' };
}

/** Steps that a power cut or a kill can cut in two: each part is a step of its own. */
export function divideStep(kernel: FakeKernel, step: Step): readonly Step[] {
  if (step.op !== 'remove-tree') return [step];
  const top = `${String(step.values.directory)}/${String(step.values.name)}`;
  const below = [...kernel.disk.below(top)].reverse();
  return [...below, top].map((path) => ({
    ...step,
    values: { directory: dirname(path), name: path.slice(dirname(path).length + 1) },
  }));
}

function removeTree(kernel: FakeKernel, top: string): void {
  for (const path of [...kernel.disk.below(top)].reverse().concat(top)) {
    const node = kernel.disk.get(path);
    if (node === undefined) continue;
    if (node.content === undefined) kernel.disk.removeDirectory(path);
    else kernel.disk.removeFile(path);
  }
}

function failure(code: string, detail: string): StepResult {
  return { ok: false, errno: (constants.errno as Readonly<Record<string, number>>)[code] ?? 5, detail };
}
