import { ARCHITECTURES, type Architecture, callNumber } from './architecture.ts';
import { ACTION, ACTION_MASK, type ArgumentTest, ENOSYS, errnoAction } from './profile.ts';
import type { SelectedProfile, SelectedRule } from './select.ts';

/** __ARM_NR_BASE (asm/unistd.h of arm). */
const ARM_PRIVATE = 0x0f_0000;

/** What becomes of a call: one action, or the first case whose tests all hold. */
export type Outcome = number | ConditionalOutcome;

export interface ConditionalOutcome {
  readonly cases: readonly { readonly tests: readonly ArgumentTest[]; readonly action: number }[];
  readonly otherwise: number;
  readonly argumentBits: 32 | 64;
}

/** Numbers from here to the next range have this outcome; equal keys are equal outcomes. */
export interface Range {
  readonly from: number;
  readonly key: string;
  readonly outcome: Outcome;
}

export interface CallOutcomes {
  readonly byNumber: ReadonlyMap<number, Outcome>;
  readonly otherwise: number;
  /** Calls from this number on are newer than the profile. */
  readonly newer: { readonly from: number; readonly action: number } | undefined;
}

/**
 * What becomes of every call of one architecture. For one call a rule without tests wins over those with, and the first
 * over later ones; names that the architecture does not have are passed over.
 */
export function callOutcomes(
  { rules, defaultAction }: SelectedProfile,
  architecture: Architecture,
  newerCalls: 'enosys' | 'default',
): CallOutcomes {
  const rulesByNumber = new Map<number, SelectedRule[]>();
  let newest = -1;
  for (const rule of rules) {
    for (const name of rule.names) {
      const number = callNumber(architecture, name);
      if (number === undefined) continue;
      if (!isPrivate(architecture, number)) newest = Math.max(newest, number);
      // As runc: what the default does anyway is no rule, and does not stand in the way of those that differ.
      if (rule.action !== defaultAction) rulesByNumber.set(number, [...(rulesByNumber.get(number) ?? []), rule]);
    }
  }
  const { argumentBits } = ARCHITECTURES[architecture];
  const outcomes = [...rulesByNumber].map(
    ([number, own]) => [number, outcomeOf(own, { defaultAction, argumentBits })] as const,
  );
  const isStrict = newerCalls === 'enosys' && newest >= 0 && !letsThrough(defaultAction);
  const newer = isStrict ? { from: newest + 1, action: errnoAction(ENOSYS) } : undefined;
  return { byNumber: new Map(outcomes), otherwise: defaultAction, newer };
}

/** Calls of ARM's own stand far above all others and say nothing of how new a profile is. */
function isPrivate(architecture: Architecture, number: number): boolean {
  return architecture === 'arm' && number >= ARM_PRIVATE;
}

function letsThrough(action: number): boolean {
  // Of 32 bits, and JavaScript's are signed.
  const kind = (action & ACTION_MASK) >>> 0;
  return kind === ACTION.allow || kind === ACTION.log || kind === ACTION.trace;
}

function outcomeOf(
  rules: readonly SelectedRule[],
  { defaultAction, argumentBits }: { readonly defaultAction: number; readonly argumentBits: 32 | 64 },
): Outcome {
  const always = rules.find(({ alternatives }) => alternatives.length === 0);
  if (always !== undefined) return always.action;
  const cases = rules.flatMap(({ alternatives, action }) => alternatives.map((tests) => ({ tests, action })));
  return { cases, otherwise: defaultAction, argumentBits };
}

/** All numbers from 0 on, in order. */
export function rangesOf({ byNumber, otherwise, newer }: CallOutcomes): readonly Range[] {
  const ranges: Range[] = [];
  const add = (from: number, outcome: Outcome): void => {
    const key = typeof outcome === 'number' ? String(outcome) : `call ${from}`;
    if (ranges.at(-1)?.key !== key) ranges.push({ from, key, outcome });
  };
  const addGap = (from: number, to: number): void => {
    if (from < Math.min(to, newer?.from ?? to)) add(from, otherwise);
    if (newer !== undefined && to > newer.from) add(Math.max(from, newer.from), newer.action);
  };
  let next = 0;
  for (const [number, outcome] of [...byNumber].sort(([a], [b]) => a - b)) {
    if (number > next) addGap(next, number);
    add(number, outcome);
    next = number + 1;
  }
  addGap(next, Number.POSITIVE_INFINITY);
  return ranges;
}
