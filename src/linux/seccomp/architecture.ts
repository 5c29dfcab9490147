import { SYSCALL_NUMBERS } from './gen/syscall-numbers.ts';

/** Architectures whose calls a filter can tell apart; a machine runs those of its own family. */
export type Architecture = keyof typeof SYSCALL_NUMBERS;

export interface ArchitectureFacts {
  /** As profiles write it (libseccomp's name). */
  readonly profileName: string;
  /** `arch` of struct seccomp_data (linux/audit.h). x32 has that of x86_64, and a bit in its numbers. */
  readonly audit: number;
  /** Added to every number. */
  readonly numberBase: number;
  /** Arguments are registers of so many bits; of a narrow one the kernel leaves the upper word zero, or looks away. */
  readonly argumentBits: 32 | 64;
}

/** __X32_SYSCALL_BIT (asm/unistd.h of x86). */
export const X32_BIT = 0x4000_0000;

export const ARCHITECTURES: Readonly<Record<Architecture, ArchitectureFacts>> = {
  x86_64: { profileName: 'SCMP_ARCH_X86_64', audit: 0xc000_003e, numberBase: 0, argumentBits: 64 },
  x86: { profileName: 'SCMP_ARCH_X86', audit: 0x4000_0003, numberBase: 0, argumentBits: 32 },
  x32: { profileName: 'SCMP_ARCH_X32', audit: 0xc000_003e, numberBase: X32_BIT, argumentBits: 32 },
  aarch64: { profileName: 'SCMP_ARCH_AARCH64', audit: 0xc000_00b7, numberBase: 0, argumentBits: 64 },
  arm: { profileName: 'SCMP_ARCH_ARM', audit: 0x4000_0028, numberBase: 0, argumentBits: 32 },
};

/** Architectures of other machines, which profiles name too; on ours no process has them. */
export const FOREIGN_ARCHITECTURES: ReadonlySet<string> = new Set(
  [
    ...[
      'LOONGARCH64',
      'M68K',
      'MIPS',
      'MIPS64',
      'MIPS64N32',
      'MIPSEL',
      'MIPSEL64',
      'MIPSEL64N32',
      'PARISC',
      'PARISC64',
    ],
    ...['PPC', 'PPC64', 'PPC64LE', 'RISCV64', 'S390', 'S390X', 'SH', 'SHEB'],
  ].map((name) => `SCMP_ARCH_${name}`),
);

/** `arches` of a profile's conditions are Go's names of the machine. */
export const GO_NAME: Readonly<Record<Architecture, string>> = {
  x86_64: 'amd64',
  x86: '386',
  x32: 'x32',
  aarch64: 'arm64',
  arm: 'arm',
};

/** @returns `undefined` for a name of another machine, or of none */
export function architectureOf(profileName: string): Architecture | undefined {
  const names = Object.keys(ARCHITECTURES) as Architecture[];
  return names.find((name) => ARCHITECTURES[name].profileName === profileName);
}

/** The number of a call as the kernel reports it; `undefined` where the architecture has no such call. */
export function callNumber(architecture: Architecture, name: string): number | undefined {
  const table: Readonly<Record<string, number>> = SYSCALL_NUMBERS[architecture];
  const number = Object.hasOwn(table, name) ? table[name] : undefined;
  return number === undefined ? undefined : number + ARCHITECTURES[architecture].numberBase;
}

/** Every call of an architecture with its number, in order of numbers. */
export function callsOf(architecture: Architecture): readonly (readonly [string, number])[] {
  const { numberBase } = ARCHITECTURES[architecture];
  return Object.entries(SYSCALL_NUMBERS[architecture]).map(([name, number]) => [name, number + numberBase] as const);
}
