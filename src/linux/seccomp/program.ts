/**
 * Classic BPF as seccomp(2) takes it (linux/filter.h, linux/bpf_common.h): the accumulator, words of struct seccomp_data,
 * forward jumps, and a return value.
 */
export interface Instruction {
  readonly code: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly k: number;
}

export const OPCODE = {
  /** A = the 32-bit word at offset k of struct seccomp_data. */
  load: 0x20,
  and: 0x54,
  jump: 0x05,
  jumpIfEqual: 0x15,
  jumpIfGreater: 0x25,
  jumpIfAtLeast: 0x35,
  jumpIfAnyBit: 0x45,
  return: 0x06,
} as const;

/** Longest program that the kernel takes (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;
const INSTRUCTION_BYTES = 8;

/** Offsets in struct seccomp_data (linux/seccomp.h). */
export const NUMBER_OFFSET = 0;
export const ARCHITECTURE_OFFSET = 4;
const ARGUMENTS_OFFSET = 16;

/** Where the two words of an argument are; both machines are little-endian. */
export function argumentOffsets(index: number): { readonly low: number; readonly high: number } {
  const low = ARGUMENTS_OFFSET + 8 * index;
  return { low, high: low + 4 };
}

/** Which argument, and which word of it, is at an offset; `undefined` for anything else of struct seccomp_data. */
export function argumentAt(offset: number): { readonly index: number; readonly word: 'low' | 'high' } | undefined {
  if (offset < ARGUMENTS_OFFSET) return undefined;
  return { index: Math.floor((offset - ARGUMENTS_OFFSET) / 8), word: offset % 8 === 0 ? 'low' : 'high' };
}

/** An array of struct sock_filter. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  for (const [index, { code, whenTrue, whenFalse, k }] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    bytes.setUint16(at, code, true);
    bytes.setUint8(at + 2, whenTrue);
    bytes.setUint8(at + 3, whenFalse);
    bytes.setUint32(at + 4, k, true);
  }
  return new Uint8Array(bytes.buffer);
}

/** @param bytes an array of struct sock_filter */
export function decodeProgram(bytes: Uint8Array): readonly Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / INSTRUCTION_BYTES) }, (_, index) => {
    const at = index * INSTRUCTION_BYTES;
    const jumps = { whenTrue: view.getUint8(at + 2), whenFalse: view.getUint8(at + 3) };
    return { code: view.getUint16(at, true), ...jumps, k: view.getUint32(at + 4, true) };
  });
}
