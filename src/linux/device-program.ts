import type { DeviceRule } from '../model/devices.ts';

/** Numbers of linux/bpf.h and linux/bpf_common.h that a program of rules needs. */
const CODE = {
  /** BPF_LDX | BPF_MEM | BPF_W */
  loadWord: 0x61,
  /** BPF_ALU | BPF_MOV | BPF_X, 32 bits */
  moveRegister: 0xbc,
  /** BPF_ALU | BPF_AND | BPF_K, 32 bits */
  and: 0x54,
  /** BPF_ALU | BPF_RSH | BPF_K, 32 bits */
  shiftRight: 0x74,
  /** BPF_JMP | BPF_JNE | BPF_K */
  jumpIfNot: 0x55,
  /** BPF_ALU64 | BPF_MOV | BPF_K */
  moveValue: 0xb7,
  /** BPF_JMP | BPF_EXIT */
  exit: 0x95,
} as const;

/** Offsets in struct bpf_cgroup_dev_ctx: kind in the lower, access in the upper half of the first word. */
const CONTEXT = { accessType: 0, major: 4, minor: 8 } as const;
/** BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_*. */
const KIND = { block: 1, character: 2 } as const;
const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const EVERY_ACCESS = 7;

const REGISTER = { result: 0, context: 1, kind: 2, access: 3, major: 4, minor: 5, scratch: 6 } as const;
const INSTRUCTION_BYTES = 8;

interface Instruction {
  readonly code: number;
  readonly target?: number;
  readonly source?: number;
  /** Of memory in bytes, of a jump in instructions. */
  readonly offset?: number;
  readonly value?: number;
}

/**
 * A program of type BPF_PROG_TYPE_CGROUP_DEVICE that allows what one of the rules allows and nothing else. The kernel
 * asks it whenever a device node is made or opened by a member of the group that it is attached to
 * (Documentation/admin-guide/cgroup-v2.rst, "Device controller").
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  // What stands behind a rule that allows everything is never reached, and the kernel refuses a program with such code.
  const everything = rules.findIndex(allowsEverything);
  const rest = everything < 0 ? answer(0) : [];
  const asked = everything < 0 ? rules : rules.slice(0, everything + 1);
  return assemble([...loadContext(), ...asked.flatMap(ruleInstructions), ...rest]);
}

function allowsEverything({ kind, major, minor, access }: DeviceRule): boolean {
  return kind === 'all' && major === undefined && minor === undefined && bitsOf(access) === EVERY_ACCESS;
}

function bitsOf(access: string): number {
  return [...access].reduce((bits, letter) => bits | (ACCESS[letter] ?? 0), 0);
}

function loadContext(): readonly Instruction[] {
  const { kind, access, major, minor, context } = REGISTER;
  return [
    { code: CODE.loadWord, target: kind, source: context, offset: CONTEXT.accessType },
    { code: CODE.moveRegister, target: access, source: kind },
    { code: CODE.and, target: kind, value: 0xffff },
    { code: CODE.shiftRight, target: access, value: 16 },
    { code: CODE.loadWord, target: major, source: context, offset: CONTEXT.major },
    { code: CODE.loadWord, target: minor, source: context, offset: CONTEXT.minor },
  ];
}

/** What does not match jumps behind the rule. */
function ruleInstructions(rule: DeviceRule): readonly Instruction[] {
  const allowed = bitsOf(rule.access);
  const checks: Omit<Instruction, 'offset'>[] = [];
  const require = (target: number, value: number): void => {
    checks.push({ code: CODE.jumpIfNot, target, value });
  };
  if (rule.kind !== 'all') require(REGISTER.kind, KIND[rule.kind]);
  if (allowed !== EVERY_ACCESS) {
    checks.push({ code: CODE.moveRegister, target: REGISTER.scratch, source: REGISTER.access });
    checks.push({ code: CODE.and, target: REGISTER.scratch, value: EVERY_ACCESS & ~allowed });
    require(REGISTER.scratch, 0);
  }
  if (rule.major !== undefined) require(REGISTER.major, rule.major);
  if (rule.minor !== undefined) require(REGISTER.minor, rule.minor);
  const yes = answer(1);
  const distance = (index: number): number => checks.length - index - 1 + yes.length;
  return [
    ...checks.map((check, index) => (check.code === CODE.jumpIfNot ? { ...check, offset: distance(index) } : check)),
    ...yes,
  ];
}

function answer(value: 0 | 1): readonly Instruction[] {
  return [{ code: CODE.moveValue, target: REGISTER.result, value }, { code: CODE.exit }];
}

/** `u8 code | u4 target, u4 source | s16 offset | s32 value`, little-endian (Documentation/bpf/instruction-set.rst). */
function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, target = 0, source = 0, offset = 0, value = 0 }] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint8(at, code);
    view.setUint8(at + 1, target | (source << 4));
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, value, true);
  }
  return bytes;
}
