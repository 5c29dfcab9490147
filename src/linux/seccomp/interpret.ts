import { ARCHITECTURE_OFFSET, argumentAt, type Instruction, NUMBER_OFFSET, OPCODE } from './program.ts';

/** What a filter is asked about: struct seccomp_data. */
export interface CallData {
  readonly architecture: number;
  readonly number: number;
  /** Six unsigned 64-bit values; missing ones are 0. */
  readonly arguments: readonly bigint[];
}

const WORD = 0xffff_ffffn;

/**
 * What a program returns for a call, as the kernel would run it.
 *
 * @returns the action and its data, 32 bits unsigned
 * @throws {RangeError} for an instruction that a filter of seccomp never has
 */
export function runProgram(program: readonly Instruction[], data: CallData): number {
  let accumulator = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, whenTrue, whenFalse, k } = program[at] as Instruction;
    if (code === OPCODE.return) return k;
    if (code === OPCODE.load) accumulator = wordAt(data, k);
    else if (code === OPCODE.and) accumulator = (accumulator & k) >>> 0;
    else if (code === OPCODE.jump) at += k;
    else at += doesJump(code, accumulator, k) ? whenTrue : whenFalse;
  }
  throw new RangeError('the program runs over its end');
}

/** @throws {RangeError} for an instruction that is no conditional jump */
export function doesJump(code: number, accumulator: number, k: number): boolean {
  if (code === OPCODE.jumpIfEqual) return accumulator === k;
  if (code === OPCODE.jumpIfGreater) return accumulator > k;
  if (code === OPCODE.jumpIfAtLeast) return accumulator >= k;
  if (code === OPCODE.jumpIfAnyBit) return (accumulator & k) !== 0;
  throw new RangeError(`instruction ${code} is none of a filter`);
}

function wordAt(data: CallData, offset: number): number {
  if (offset === NUMBER_OFFSET) return data.number >>> 0;
  if (offset === ARCHITECTURE_OFFSET) return data.architecture;
  const place = argumentAt(offset);
  if (place === undefined) return 0; // the instruction pointer, which no rule asks for
  const value = data.arguments[place.index] ?? 0n;
  return Number(place.word === 'low' ? value & WORD : value >> 32n);
}
