import type { LaunchHookPoint, LaunchPlan } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';

/** The programs at one point of a launch, in order. */
export function hookSteps({ hooks }: LaunchPlan, ...points: readonly LaunchHookPoint[]): readonly Step[] {
  if (hooks === undefined) return [];
  const { value, by } = hooks;
  return points.flatMap((point) =>
    (value[point] ?? []).map(({ path, arguments: words, environment, timeoutMs, state }) =>
      step(by, 'run-program', {
        ...{ name: `${point} hook ${path}`, path, arguments: words, environment, timeoutMs },
        ...{ before: Buffer.from(state.before), after: Buffer.from(state.after) },
      }),
    ),
  );
}

/** The new process learns what the host knows it as, while it still can. */
export function notePidSteps({ hooks }: LaunchPlan): readonly Step[] {
  const isWanted = hooks?.value.createContainer !== undefined || hooks?.value.startContainer !== undefined;
  return isWanted ? [step(hooks?.by ?? '', 'note-host-pid', {})] : [];
}

/** What the monitor runs once all is mounted and before the old root goes (runtime-spec, config.md, "CreateRuntime Hooks"). */
export function hookHostSteps(plan: LaunchPlan): readonly Step[] {
  const programs = hookSteps(plan, 'prestart', 'createRuntime');
  return programs.length === 0 ? [] : [step(plan.hooks?.by ?? '', 'await-mounts', {}), ...programs];
}

/** A launch without such hooks waits for none. */
export function awaitHooks(plan: LaunchPlan): readonly Step[] {
  return hookHostSteps(plan).length === 0 ? [] : [step(plan.hooks?.by ?? '', 'await-hooks', {})];
}
