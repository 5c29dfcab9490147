import { type Instruction, OPCODE } from './program.ts';

/**
 * A place in a program that is written from its end: the number of instructions behind it. Jumps of BPF go forwards
 * only, so that every target exists before the jump to it.
 */
export type Place = number;

/** Conditional jumps reach 255 instructions; two of them may each need a relay in between. */
const REACH = 253;

type ConditionalJump =
  | typeof OPCODE.jumpIfEqual
  | typeof OPCODE.jumpIfGreater
  | typeof OPCODE.jumpIfAtLeast
  | typeof OPCODE.jumpIfAnyBit;

/** Writes a program from its end to its beginning. */
export class Assembler {
  readonly #reversed: Instruction[] = [];
  readonly #returns = new Map<number, Place>();

  /** A return of this value that is near enough to be jumped to; an earlier one is used again. */
  return(value: number): Place {
    const known = this.#returns.get(value);
    if (known !== undefined && this.#distance(known) <= REACH) return known;
    const place = this.#push({ code: OPCODE.return, whenTrue: 0, whenFalse: 0, k: value });
    this.#returns.set(value, place);
    return place;
  }

  /** Loads a word of struct seccomp_data, then goes on at `next`. */
  load(offset: number, next: Place): Place {
    return this.#then({ code: OPCODE.load, whenTrue: 0, whenFalse: 0, k: offset }, next);
  }

  and(mask: number, next: Place): Place {
    return this.#then({ code: OPCODE.and, whenTrue: 0, whenFalse: 0, k: mask }, next);
  }

  jump(code: ConditionalJump, k: number, targets: { readonly whenTrue: Place; readonly whenFalse: Place }): Place {
    const whenFalse = this.#near(targets.whenFalse);
    const whenTrue = this.#near(targets.whenTrue);
    const distances = { whenTrue: this.#distance(whenTrue), whenFalse: this.#distance(whenFalse) };
    return this.#push({ code, ...distances, k });
  }

  /** Makes sure that the next instruction to be written is followed by the one at this place. */
  #then(instruction: Instruction, next: Place): Place {
    if (this.#distance(next) > 0) this.#relay(next);
    return this.#push(instruction);
  }

  #near(target: Place): Place {
    return this.#distance(target) > REACH ? this.#relay(target) : target;
  }

  #relay(target: Place): Place {
    return this.#push({ code: OPCODE.jump, whenTrue: 0, whenFalse: 0, k: this.#distance(target) });
  }

  #push(instruction: Instruction): Place {
    this.#reversed.push(instruction);
    return this.#reversed.length - 1;
  }

  /** Instructions between the next one to be written and the target. */
  #distance(target: Place): number {
    return this.#reversed.length - 1 - target;
  }

  /** @param entry where the program begins: what was written last, or a jump to it is put in front */
  program(entry: Place): readonly Instruction[] {
    if (this.#distance(entry) > 0) this.#relay(entry);
    return this.#reversed.toReversed();
  }
}
