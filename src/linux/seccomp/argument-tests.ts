import type { Assembler, Place } from './assembler.ts';
import type { ArgumentTest } from './profile.ts';
import { argumentOffsets, OPCODE } from './program.ts';

interface Targets {
  readonly whenTrue: Place;
  readonly whenFalse: Place;
}

const WORD = 0xffff_ffffn;

/**
 * Writes one test of an argument, as two tests of 32-bit words.
 *
 * @param bits of a narrow register the upper word is not looked at, as libseccomp has it, unless the test asks for it
 */
export function emitTest(code: Assembler, test: ArgumentTest, bits: 32 | 64, targets: Targets): Place {
  const { operator } = test;
  const swapped = { whenTrue: targets.whenFalse, whenFalse: targets.whenTrue };
  switch (operator) {
    case 'eq':
      return emitEqual(code, test, bits, targets);
    case 'masked-eq':
      return emitEqual(code, test, bits, targets);
    case 'ne':
      return emitEqual(code, test, bits, swapped);
    case 'gt':
      return emitOrder(code, test, { bits, last: OPCODE.jumpIfGreater }, targets);
    case 'ge':
      // Always so: the last case of several, for all that is left.
      if (test.value === 0n) return targets.whenTrue;
      return emitOrder(code, test, { bits, last: OPCODE.jumpIfAtLeast }, targets);
    case 'lt':
      return emitOrder(code, test, { bits, last: OPCODE.jumpIfAtLeast }, swapped);
    case 'le':
      return emitOrder(code, test, { bits, last: OPCODE.jumpIfGreater }, swapped);
  }
}

function emitEqual(code: Assembler, test: ArgumentTest, bits: 32 | 64, targets: Targets): Place {
  const { low, high } = argumentOffsets(test.index);
  const mask = test.mask ?? (1n << 64n) - 1n;
  const lowWord = { offset: low, mask: Number(mask & WORD), value: Number(test.value & WORD) };
  const highWord = { offset: high, mask: Number(mask >> 32n), value: Number(test.value >> 32n) };
  const lowPlace = emitWord(code, lowWord, targets);
  const isIdle = highWord.value === 0 && (bits === 32 || highWord.mask === 0);
  return isIdle ? lowPlace : emitWord(code, highWord, { whenTrue: lowPlace, whenFalse: targets.whenFalse });
}

function emitWord(
  code: Assembler,
  word: { readonly offset: number; readonly mask: number; readonly value: number },
  targets: Targets,
): Place {
  const compared = code.jump(OPCODE.jumpIfEqual, word.value, targets);
  const masked = word.mask === 0xffff_ffff ? compared : code.and(word.mask, compared);
  return code.load(word.offset, masked);
}

/** The upper word decides, unless it is equal; then the lower one does. */
function emitOrder(
  code: Assembler,
  { index, value }: ArgumentTest,
  order: { readonly bits: 32 | 64; readonly last: typeof OPCODE.jumpIfGreater | typeof OPCODE.jumpIfAtLeast },
  targets: Targets,
): Place {
  const { low, high } = argumentOffsets(index);
  const lowPlace = code.load(low, code.jump(order.last, Number(value & WORD), targets));
  const highValue = Number(value >> 32n);
  if (order.bits === 32 && highValue === 0) return lowPlace;
  const equal = code.jump(OPCODE.jumpIfEqual, highValue, { whenTrue: lowPlace, whenFalse: targets.whenFalse });
  const greater = code.jump(OPCODE.jumpIfGreater, highValue, { whenTrue: targets.whenTrue, whenFalse: equal });
  return code.load(high, greater);
}
