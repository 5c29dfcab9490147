import { dirname, join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import { DEFAULT_HOOK_SECONDS, HOOK_POINTS, type Hook, type HookPoint, type HooksConfig } from '../../model/hooks.ts';
import type { HookPlan, HooksPlan } from '../../model/launch-plan.ts';
import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import { type Step, type StepValues, step } from '../../model/wire.ts';
import type { IsolatedContainer, Isolator, PlanInput } from '../isolator.ts';
import { hooksFromFiles } from './hook-files.ts';
import { imageCommand } from './image.ts';

export interface HookEffects {
  readonly files: Files;
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
}

const NAME = 'runtime/hooks';
/** What is to be run after the start and at the end, by an engine that may know no more of it; small, in the container's directory. */
const FILE = 'hooks.json';
/** Of the runtime-spec, that the state on a hook's input is written by. */
const OCI_VERSION = '1.2.0';

/** What the container is at each point (runtime-spec 1.2, runtime.md "Lifecycle"). */
const STATUS = {
  ...{ prestart: 'creating', createRuntime: 'creating', createContainer: 'creating', startContainer: 'created' },
  ...{ poststart: 'running', poststop: 'stopped' },
} as const satisfies Record<HookPoint, string>;

/** Points that are reached within the launch, by the monitor or by the new process; the rest is the work of a worker. */
const IN_LAUNCH = ['prestart', 'createRuntime', 'createContainer', 'startContainer'] as const;

/**
 * Isolator `runtime/hooks`: programs at the hook points of the OCI, the container's own and those of the agent's directory that are for
 * it. Each gets the state of the container on its input. One that fails before the start fails the launch.
 */
export function runtimeHooks({ files, runHostSteps }: HookEffects, directory?: string): Isolator {
  return {
    name: NAME,
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ hooks }) => hooks !== undefined || directory !== undefined,
    async prepare(input, undo) {
      const hooks = await hooksOf(files, input, directory);
      if (hooks.poststart !== undefined || hooks.poststop !== undefined) {
        const path = join(input.runtimeDir, FILE);
        await files.makeDirectory(input.runtimeDir, { parents: true });
        undo.push(`file ${path}`, () => removeIfThere(files, path));
        await files.writeAtomic(path, JSON.stringify(hooks), { mode: 0o600 });
      }
      return { hooks: JSON.stringify(hooks) };
    },
    plan(input) {
      const hooks = JSON.parse(input.prepared?.hooks ?? '{}') as HooksConfig;
      const entries = IN_LAUNCH.flatMap((point) => {
        const planned = (hooks[point] ?? []).map((hook) => planOf(point, hook, input));
        return planned.length === 0 ? [] : [[point, planned] as const];
      });
      return entries.length === 0 ? {} : { hooks: Object.fromEntries(entries) as HooksPlan };
    },
    async started(container) {
      const { poststart = [] } = await savedHooks(files, container);
      for (const hook of poststart) await runHostSteps([workerStep('poststart', hook, container)]);
    },
    async cleanup(container) {
      const { poststop = [] } = await savedHooks(files, container);
      // Before they run: an engine that is killed meanwhile must not run them twice.
      await removeIfThere(files, join(container.runtimeDir, FILE));
      const failures: unknown[] = [];
      for (const hook of poststop) {
        await runHostSteps([workerStep('poststop', hook, container)]).catch((error) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** The agent's own first, then the caller's. */
async function hooksOf(files: Files, input: PlanInput, directory: string | undefined): Promise<HooksConfig> {
  const { config, image } = input;
  const own = config.hooks ?? {};
  if (directory === undefined) return own;
  const found = await hooksFromFiles(files, directory, {
    labels: config.labels,
    command:
      image === undefined ? [...(config.entrypoint ?? []), ...(config.command ?? [])] : imageCommand(config, image),
    hasBindMounts: config.volumes.some(({ kind }) => kind === 'host-path'),
  });
  const entries = HOOK_POINTS.map((point) => [point, [...(found[point] ?? []), ...(own[point] ?? [])]] as const);
  return Object.fromEntries(entries.filter(([, hooks]) => hooks.length > 0));
}

function planOf(point: HookPoint, hook: Hook, about: Pick<PlanInput, 'uid' | 'config' | 'runtimeDir'>): HookPlan {
  const { path, args = [path], env = [], timeout = DEFAULT_HOOK_SECONDS } = hook;
  const { uid, config, runtimeDir } = about;
  const head = JSON.stringify({ ociVersion: OCI_VERSION, id: uid, status: STATUS[point] });
  const tail = JSON.stringify({ bundle: dirname(runtimeDir), annotations: config.labels });
  return {
    ...{ path, arguments: args, environment: env, timeoutMs: timeout * 1000 },
    state: { before: `${head.slice(0, -1)},"pid":`, after: `,${tail.slice(1)}` },
  };
}

/** By a worker, who launches nothing: the pid is known, or there is none any more. */
function workerStep(point: HookPoint, hook: Hook, container: IsolatedContainer): Step {
  const plan = planOf(point, hook, container);
  const { before, after } = plan.state;
  const state = before + String(point === 'poststop' ? 0 : (container.pid ?? 0)) + after;
  return step(NAME, 'run-program', {
    ...hookValues(point, plan),
    before: Buffer.from(state),
    after: new Uint8Array(0),
  });
}

function hookValues(point: HookPoint, plan: HookPlan): Omit<StepValues<'run-program'>, 'before' | 'after'> {
  const { path, arguments: words, environment, timeoutMs } = plan;
  return { name: `${point} hook ${path}`, path, arguments: words, environment, timeoutMs };
}

async function savedHooks(files: Files, { runtimeDir }: IsolatedContainer): Promise<HooksConfig> {
  try {
    return JSON.parse(await files.readText(join(runtimeDir, FILE))) as HooksConfig;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return {};
    throw error;
  }
}

async function removeIfThere(files: Files, path: string): Promise<void> {
  try {
    await files.removeFile(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}
