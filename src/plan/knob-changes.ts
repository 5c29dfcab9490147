import { amountOf } from '../linux/cgroup-unset.ts';
import { CGROUP1 } from '../linux/cgroup1.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import type { CgroupKnob, CgroupPlan, NamedContribution } from '../model/launch-plan.ts';
import { mergeCgroups } from './merge.ts';

/** One knob of a live container that is to hold another value. */
export interface KnobChange {
  readonly by: string;
  readonly version: 1 | 2;
  /** Absolute host path of the group. */
  readonly group: string;
  readonly file: string;
  /** Which line of the file, where it has one for each device. */
  readonly entry?: string;
  /** `undefined`: not set, before or after. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * The groups of a plan after an update. Groups stay as they are; what the isolators that were asked contributed before
 * is replaced, what others contributed is kept.
 *
 * @param contributions of the isolators that were asked again
 * @throws {EngineError} `plan.conflict`, `plan.controllerNotPlaced`
 */
export function updatedCgroups(
  cgroups: readonly CgroupPlan[],
  contributions: readonly NamedContribution[],
): readonly CgroupPlan[] {
  const asked = new Set(contributions.map(({ isolator }) => isolator));
  const merged = mergeCgroups(contributions, { groups: cgroups });
  return cgroups.map((group, index) => {
    const kept = group.knobs.filter(({ by }) => !asked.has(by));
    return { ...group, knobs: [...kept, ...(merged[index]?.knobs ?? [])] };
  });
}

/**
 * What must be written to get from one set of knobs to another, in an order in which the kernel takes it: what may be
 * refused first (memory that is in use), and of two knobs that bound each other the one that makes room.
 */
export function knobChanges(before: readonly CgroupPlan[], after: readonly CgroupPlan[]): readonly KnobChange[] {
  // A v1 group that goes takes its knobs with it; one of v2 stays, as does what was enabled in it.
  const left = before.filter(({ path, version }) => version === 2 && !after.some((group) => group.path === path));
  return [...after, ...left.map((group) => ({ ...group, knobs: [] }))]
    .flatMap(({ path, version, knobs }) => {
      const old = before.find((group) => group.path === path)?.knobs ?? [];
      const changes = new Map<string, KnobChange>();
      for (const { value: from, ...knob } of old) {
        changes.set(keyOf(knob), { ...knob, version, group: path, from, to: undefined });
      }
      for (const { value: to, ...knob } of knobs) {
        changes.set(keyOf(knob), { ...knob, version, group: path, from: changes.get(keyOf(knob))?.from, to });
      }
      return inOrder([...changes.values()].filter(({ from, to }) => from !== to));
    })
    .sort((a, b) => Number(mayBeRefused(b)) - Number(mayBeRefused(a)));
}

function keyOf({ file, entry = '' }: Omit<CgroupKnob, 'value'>): string {
  return `${file} ${entry}`;
}

/** Pairs of which the first must never be above the second (kernel/sched/core.c; mm/memcontrol-v1.c). */
const BOUNDED: readonly (readonly [string, string])[] = [
  [CGROUP1.memoryLimit, CGROUP1.memorySwapLimit],
  [CGROUP1.cpuBurst, CGROUP1.cpuQuota],
  [CGROUP2.cpuMaxBurst, CGROUP2.cpuMax],
];

function inOrder(changes: readonly KnobChange[]): readonly KnobChange[] {
  const left = [...changes];
  const ordered: KnobChange[] = [];
  while (left.length > 0) {
    const at = left.findIndex((change) => !left.some((other) => goesFirst(other, change)));
    ordered.push(...left.splice(Math.max(0, at), 1));
  }
  return ordered;
}

function goesFirst(one: KnobChange, other: KnobChange): boolean {
  for (const [bounded, bound] of BOUNDED) {
    if (one.file === bounded && other.file === bound) return isLowering(other);
    if (one.file === bound && other.file === bounded) return !isLowering(one);
  }
  // Quota and period together are what the group above must allow: the share never rises above both old and new.
  if (one.file === CGROUP1.cpuQuota && other.file === CGROUP1.cpuPeriod) return isLowering(one);
  if (one.file === CGROUP1.cpuPeriod && other.file === CGROUP1.cpuQuota) return !isLowering(other);
  return false;
}

/** Whether less is allowed after than before; not set counts as no bound. */
export function isLowering({ from, to }: KnobChange): boolean {
  const before = from === undefined ? Number.POSITIVE_INFINITY : amountOf(from);
  const after = to === undefined ? Number.POSITIVE_INFINITY : amountOf(to);
  return before !== undefined && after !== undefined && after < before;
}

const MEMORY: ReadonlySet<string> = new Set([CGROUP1.memoryLimit, CGROUP1.memorySwapLimit, CGROUP2.memoryMax]);

function mayBeRefused(change: KnobChange): boolean {
  return MEMORY.has(change.file) && isLowering(change);
}
