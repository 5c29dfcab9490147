import { landlockTables } from '../linux/landlock.ts';
import {
  encodeIoPriority,
  encodeMemoryPolicy,
  encodeScheduler,
  PERSONALITY_NUMBERS,
  rlimitNumber,
} from '../linux/process-settings.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { RLIMIT_NUMBERS, type RlimitName } from '../model/process-config.ts';
import { FD_SLOTS, type Step, step } from '../model/wire.ts';

/** The one slot of a ruleset: the last, which no mount gets to, for mounts are attached by then. */
const LANDLOCK_SLOT = FD_SLOTS - 1;

/**
 * By the monitor on its child, who may have no right to: an outer group may be more likely to be killed than this. Without root
 * only the child itself is let to.
 */
export function oomScoreSteps(
  plan: Pick<LaunchPlan, 'settings' | 'unprivileged'>,
  side: 'host' | 'child',
): readonly Step[] {
  const score = plan.settings?.oomScoreAdj;
  if (score === undefined || side !== (plan.unprivileged ? 'child' : 'host')) return [];
  return [step(score.by, 'set-oom-score', { value: String(score.value) })];
}

/** Once the namespaces are there, and before anything of the container is mounted. */
export function sysctlSteps({ settings }: Pick<LaunchPlan, 'settings'>): readonly Step[] {
  const sysctls = settings?.sysctls;
  return sysctls?.value.map(({ path, value }) => step(sysctls.by, 'write-sysctl', { path, value })) ?? [];
}

/**
 * What needs the rights that are lost next, and must not be in the way of what came before: limits last, for with few
 * descriptors or little memory hardly anything can still be done.
 */
export function settingSteps(plan: Pick<LaunchPlan, 'settings' | 'unprivileged'>): readonly Step[] {
  const { settings = {} } = plan;
  const { personality, scheduler, ioPriority, memoryPolicy, execLabel } = settings;
  return [
    ...oomScoreSteps(plan, 'child'),
    ...(personality === undefined
      ? []
      : [step(personality.by, 'set-personality', { persona: PERSONALITY_NUMBERS[personality.value] })]),
    ...(ioPriority === undefined
      ? []
      : [step(ioPriority.by, 'set-io-priority', { value: encodeIoPriority(ioPriority.value) })]),
    ...(memoryPolicy === undefined
      ? []
      : [step(memoryPolicy.by, 'set-memory-policy', encodeMemoryPolicy(memoryPolicy.value))]),
    ...(execLabel === undefined ? [] : [step(execLabel.by, 'set-exec-label', execLabel.value)]),
    ...landlockSteps(settings.landlock),
    ...(scheduler === undefined ? [] : [step(scheduler.by, 'set-scheduler', encodeScheduler(scheduler.value))]),
    ...rlimitSteps(settings.rlimits),
  ];
}

/** SCHED_DEADLINE, which a process that forks has to be ready to lose (sched(7)); it is the one policy with flags. */
export function isLostByFork({ op, values }: Step): boolean {
  return op === 'set-scheduler' && Number(values.flags) !== 0;
}

type Setting<Field extends keyof NonNullable<LaunchPlan['settings']>> = NonNullable<LaunchPlan['settings']>[Field];

function rlimitSteps(rlimits: Setting<'rlimits'>): readonly Step[] {
  return Object.entries(rlimits?.value ?? {}).map(([name, { soft, hard }]) =>
    step(rlimits?.by ?? '', 'set-rlimit', {
      resource: RLIMIT_NUMBERS[name as RlimitName],
      soft: rlimitNumber(soft),
      hard: rlimitNumber(hard),
    }),
  );
}

function landlockSteps(landlock: Setting<'landlock'>): readonly Step[] {
  if (landlock === undefined) return [];
  const { by, value } = landlock;
  const slot = LANDLOCK_SLOT;
  const { ruleset, pathRules, portRules } = landlockTables(value);
  return [
    step(by, 'landlock-create', { slot, ...ruleset }),
    ...pathRules.map((rule) => step(by, 'landlock-path', { slot, ...rule })),
    ...portRules.map((rule) => step(by, 'landlock-port', { slot, ...rule })),
    step(by, 'landlock-restrict', { slot }),
  ];
}
