import { errnoShortName } from '../errno.ts';
import { ARCHITECTURES, type Architecture, callsOf } from './architecture.ts';
import { doesJump } from './interpret.ts';
import { ACTION, ACTION_MASK } from './profile.ts';
import { ARCHITECTURE_OFFSET, argumentAt, decodeProgram, type Instruction, NUMBER_OFFSET, OPCODE } from './program.ts';

/** What a filter does with some calls, for people to read: `allow`, `EPERM`, `allow if argument 0 is 0x1, else EPERM`. */
export interface FilterRule {
  readonly outcome: string;
  readonly calls: readonly string[];
}

/**
 * Reads from a compiled filter what becomes of every call that the architecture has. It is what the kernel will do,
 * whatever profile the filter was made of.
 *
 * @param program an array of struct sock_filter, in base64
 * @returns rules in order of their first call
 */
export function describeFilter(program: string, architecture: Architecture): readonly FilterRule[] {
  const instructions = decodeProgram(Buffer.from(program, 'base64'));
  const callsByOutcome = new Map<string, string[]>();
  for (const [name, number] of callsOf(architecture)) {
    const walk: Walk = { instructions, architecture: ARCHITECTURES[architecture].audit, number };
    const outcome = outcomeText(pathsFrom(walk, 0, EMPTY));
    callsByOutcome.set(outcome, [...(callsByOutcome.get(outcome) ?? []), name]);
  }
  return [...callsByOutcome].map(([outcome, calls]) => ({ outcome, calls }));
}

interface Walk {
  readonly instructions: readonly Instruction[];
  readonly architecture: number;
  readonly number: number;
}

/** A word of an argument, with a mask upon it. */
interface Word {
  readonly index: number;
  readonly word: 'low' | 'high';
  readonly mask: number;
}

interface Condition extends Word {
  readonly code: number;
  readonly k: number;
  readonly holds: boolean;
}

interface State {
  readonly accumulator: number | Word;
  readonly conditions: readonly Condition[];
}

interface Path {
  readonly conditions: readonly Condition[];
  readonly action: number;
}

const EMPTY: State = { accumulator: 0, conditions: [] };
const WHOLE_WORD = 0xffff_ffff;

/** Every way through the program for one call. Where a test holds comes first, so that the first path that fits decides. */
function pathsFrom(walk: Walk, at: number, state: State): readonly Path[] {
  const instruction = walk.instructions[at];
  if (instruction === undefined) throw new RangeError('the program runs over its end');
  const { code, k, whenTrue, whenFalse } = instruction;
  if (code === OPCODE.return) return [{ conditions: state.conditions, action: k }];
  if (code === OPCODE.load) return pathsFrom(walk, at + 1, { ...state, accumulator: loaded(walk, k) });
  if (code === OPCODE.and) return pathsFrom(walk, at + 1, { ...state, accumulator: masked(state.accumulator, k) });
  if (code === OPCODE.jump) return pathsFrom(walk, at + 1 + k, state);
  const { accumulator } = state;
  const decided = typeof accumulator === 'number' ? doesJump(code, accumulator, k) : known(state, accumulator, code, k);
  const follow = (holds: boolean): readonly Path[] => {
    const target = at + 1 + (holds ? whenTrue : whenFalse);
    if (typeof accumulator === 'number' || decided !== undefined) return pathsFrom(walk, target, state);
    return pathsFrom(walk, target, { ...state, conditions: [...state.conditions, { ...accumulator, code, k, holds }] });
  };
  return decided === undefined ? [...follow(true), ...follow(false)] : follow(decided);
}

function loaded({ number, architecture }: Walk, offset: number): number | Word {
  if (offset === NUMBER_OFFSET) return number;
  if (offset === ARCHITECTURE_OFFSET) return architecture;
  const argument = argumentAt(offset);
  return argument === undefined ? 0 : { ...argument, mask: WHOLE_WORD };
}

function masked(accumulator: number | Word, mask: number): number | Word {
  if (typeof accumulator === 'number') return (accumulator & mask) >>> 0;
  return { ...accumulator, mask: (accumulator.mask & mask) >>> 0 };
}

/** What earlier tests of the same word have settled already. */
function known({ conditions }: State, word: Word, code: number, k: number): boolean | undefined {
  if (code === OPCODE.jumpIfAtLeast && k === 0) return true;
  const same = conditions.filter(
    ({ index, word: half, mask }) => index === word.index && half === word.word && mask === word.mask,
  );
  const equal = same.find((condition) => condition.code === OPCODE.jumpIfEqual && condition.holds);
  if (equal !== undefined) return doesJump(code, equal.k, k);
  return same.find((condition) => condition.code === code && condition.k === k)?.holds;
}

/** Paths that end as the last one does need no mention before it. */
function outcomeText(paths: readonly Path[]): string {
  const last = paths.at(-1);
  if (last === undefined) throw new RangeError('a call without an outcome');
  const otherwise = actionText(last.action);
  if (paths.every(({ action }) => action === last.action)) return otherwise;
  const lastDifferent = paths.findLastIndex(({ action }) => action !== last.action);
  const texts = paths
    .slice(0, lastDifferent + 1)
    .map((path) => `${actionText(path.action)} if ${conditionsText(path)}`);
  return `${[...texts, `else ${otherwise}`].join(', ')}`;
}

/** Tests that failed are told by the paths before. */
function conditionsText({ conditions }: Path): string {
  const held = conditions.filter(({ holds }) => holds);
  const texts = held.flatMap((condition, position) => {
    const next = held[position + 1];
    // Both words of one argument in full are one number.
    if (isWholeHigh(condition) && next !== undefined && isLowOf(next, condition)) {
      return [`argument ${condition.index} is ${hex((BigInt(condition.k) << 32n) | BigInt(next.k))}`];
    }
    const previous = held[position - 1];
    if (previous !== undefined && isWholeHigh(previous) && isLowOf(condition, previous)) return [];
    return [conditionText(condition)];
  });
  return texts.length === 0 ? 'nothing of that holds' : texts.join(' and ');
}

function isWholeHigh({ word, mask, code }: Condition): boolean {
  return word === 'high' && mask === WHOLE_WORD && code === OPCODE.jumpIfEqual;
}

function isLowOf({ index, word, mask, code }: Condition, high: Condition): boolean {
  return index === high.index && word === 'low' && mask === WHOLE_WORD && code === OPCODE.jumpIfEqual;
}

const RELATION: Readonly<Record<number, string>> = {
  [OPCODE.jumpIfEqual]: 'is',
  [OPCODE.jumpIfGreater]: 'is above',
  [OPCODE.jumpIfAtLeast]: 'is at least',
  [OPCODE.jumpIfAnyBit]: 'has any bit of',
};

function conditionText({ index, word, mask, code, k }: Condition): string {
  const half = word === 'high' ? ' (upper half)' : '';
  const bits = mask === WHOLE_WORD ? '' : ` & ${hex(mask)}`;
  return `argument ${index}${half}${bits} ${RELATION[code] ?? 'fits'} ${hex(k)}`;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

const ACTION_NAMES: ReadonlyMap<number, string> = new Map([
  [ACTION.allow, 'allow'],
  [ACTION.log, 'allow and log'],
  [ACTION.killProcess, 'kill the process'],
  [ACTION.killThread, 'kill the thread'],
  [ACTION.trap, 'SIGSYS'],
  [ACTION.trace, 'ask the tracer'],
]);

/** The name of an action; of one that fails the call, its errno. */
export function actionText(action: number): string {
  const kind = (action & ACTION_MASK) >>> 0;
  return kind === ACTION.errno ? errnoShortName(action & 0xffff) : (ACTION_NAMES.get(kind) ?? hex(action));
}
