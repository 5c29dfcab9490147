import { ARCHITECTURES, type Architecture, X32_BIT } from './architecture.ts';
import { emitTest } from './argument-tests.ts';
import { Assembler, type Place } from './assembler.ts';
import { callOutcomes, type Outcome, type Range, rangesOf } from './outcomes.ts';
import { ACTION } from './profile.ts';
import { profileErrors } from './profile-fields.ts';
import { ARCHITECTURE_OFFSET, type Instruction, MAX_INSTRUCTIONS, NUMBER_OFFSET, OPCODE } from './program.ts';
import type { SelectedProfile } from './select.ts';

export interface CompileOptions {
  /** Names the profile in errors. */
  readonly profile: string;
  /**
   * What calls get that are newer than any that the profile names: `enosys`, as runc has it, so that a C library falls
   * back to older calls; it does not hold where the default lets calls through. `default` is what libseccomp does.
   */
  readonly newerCalls: 'enosys' | 'default';
}

/** A process of an architecture that the filter does not know is none of ours. */
const FOREIGN_ACTION = ACTION.killProcess;
/** Number -1: a tracer has told the kernel to skip the call. It is no call of x32. */
const SKIPPED_CALL = 0xffff_ffff;

/**
 * Compiles rules to classic BPF. The number of a call is found by a binary search, for the kernel checks and translates
 * every instruction at each launch (a list of 182 took 209 µs, a tree of 105 took 72 µs).
 *
 * @throws {EngineError} `seccomp.programTooLong`
 */
export function compileFilter(selected: SelectedProfile, options: CompileOptions): readonly Instruction[] {
  const code = new Assembler();
  let next = code.return(FOREIGN_ACTION);
  for (const [audit, ranges] of [...rangesByAudit(selected, options)].toReversed()) {
    const entry = code.load(NUMBER_OFFSET, emitTree(code, ranges));
    next = code.jump(OPCODE.jumpIfEqual, audit, { whenTrue: entry, whenFalse: next });
  }
  const program = code.program(code.load(ARCHITECTURE_OFFSET, next));
  if (program.length > MAX_INSTRUCTIONS) {
    const { profile } = options;
    throw profileErrors.programTooLong({ profile, instructions: program.length, most: MAX_INSTRUCTIONS });
  }
  return program;
}

/** x86_64 and x32 are one architecture to the kernel: their numbers are ranges of one tree. */
function rangesByAudit(selected: SelectedProfile, options: CompileOptions): ReadonlyMap<number, readonly Range[]> {
  const { architectures } = selected;
  const byAudit = new Map<number, readonly Range[]>();
  for (const architecture of architectures.filter((name) => name !== 'x32')) {
    const own = ownRanges(selected, architecture, options);
    const all = architecture === 'x86_64' ? [...own, ...x32Ranges(selected, own, options)] : own;
    byAudit.set(ARCHITECTURES[architecture].audit, merge(all));
  }
  return byAudit;
}

function ownRanges(selected: SelectedProfile, architecture: Architecture, options: CompileOptions): readonly Range[] {
  return rangesOf(callOutcomes(selected, architecture, options.newerCalls));
}

function x32Ranges(selected: SelectedProfile, own: readonly Range[], options: CompileOptions): readonly Range[] {
  if (selected.architectures.includes('x32')) {
    return ownRanges(selected, 'x32', options).map((range) => ({ ...range, from: Math.max(range.from, X32_BIT) }));
  }
  const beyond = own.at(-1);
  if (beyond === undefined) return [];
  return [
    { from: X32_BIT, key: String(FOREIGN_ACTION), outcome: FOREIGN_ACTION },
    { ...beyond, from: SKIPPED_CALL },
  ];
}

/** Neighbours with one outcome are one range. */
function merge(ranges: readonly Range[]): readonly Range[] {
  return ranges.filter((range, index) => {
    const next = ranges[index + 1];
    return (next === undefined || next.from !== range.from) && range.key !== ranges[index - 1]?.key;
  });
}

/** @param ranges at least one, the first from the lowest number on */
function emitTree(code: Assembler, ranges: readonly Range[]): Place {
  const [first] = ranges;
  const middle = ranges[ranges.length >> 1];
  if (first === undefined || middle === undefined) throw new RangeError('a tree without ranges');
  if (ranges.length === 1) return emitOutcome(code, first.outcome);
  const at = ranges.length >> 1;
  const upper = emitTree(code, ranges.slice(at));
  const lower = emitTree(code, ranges.slice(0, at));
  return code.jump(OPCODE.jumpIfAtLeast, middle.from, { whenTrue: upper, whenFalse: lower });
}

function emitOutcome(code: Assembler, outcome: Outcome): Place {
  if (typeof outcome === 'number') return code.return(outcome);
  let otherwise = code.return(outcome.otherwise);
  for (const { tests, action } of outcome.cases.toReversed()) {
    const nextCase = otherwise;
    otherwise = tests
      .toReversed()
      .reduce<Place>(
        (holds, test) => emitTest(code, test, outcome.argumentBits, { whenTrue: holds, whenFalse: nextCase }),
        code.return(action),
      );
  }
  return otherwise;
}
