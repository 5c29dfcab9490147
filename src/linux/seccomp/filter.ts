import { createHash } from 'node:crypto';
import { ARCHITECTURES, type Architecture, callNumber } from './architecture.ts';
import { type CompileOptions, compileFilter } from './compile.ts';
import { actionText } from './describe-filter.ts';
import { runProgram } from './interpret.ts';
import { ACTION, type SeccompProfile } from './profile.ts';
import { decodeProgram, encodeProgram } from './program.ts';
import { type SelectionFacts, selectRules } from './select.ts';

/** A filter that is ready to be installed. */
export interface SeccompFilter {
  /** Machine's own first. */
  readonly architectures: readonly string[];
  /** Bits of SECCOMP_SET_MODE_FILTER. */
  readonly flags: number;
  readonly instructions: number;
  /** An array of struct sock_filter, in base64. */
  readonly program: string;
  /** `sha256:…` of the program. */
  readonly digest: string;
}

/**
 * The first of these calls that a filter does not let through, and what it answers. Tests of arguments see zeros, which
 * is what a plain fork or a signal mask has; execve has pointers, which nobody tests.
 *
 * @param argumentsOf those of calls that have others
 */
export function refusedCall(
  filter: Pick<SeccompFilter, 'program'>,
  architecture: Architecture,
  names: readonly string[],
  argumentsOf: Readonly<Record<string, readonly bigint[]>> = {},
): { readonly call: string; readonly action: string } | undefined {
  const program = decodeProgram(Buffer.from(filter.program, 'base64'));
  const { audit } = ARCHITECTURES[architecture];
  for (const call of names) {
    const number = callNumber(architecture, call);
    if (number === undefined) continue;
    const action = runProgram(program, { architecture: audit, number, arguments: argumentsOf[call] ?? [] });
    if (action !== ACTION.allow && action !== ACTION.log) return { call, action: actionText(action) };
  }
  return undefined;
}

/** @throws {EngineError} `seccomp.programTooLong` */
export function buildFilter(profile: SeccompProfile, facts: SelectionFacts, options: CompileOptions): SeccompFilter {
  const selected = selectRules(profile, facts);
  const program = compileFilter(selected, options);
  const bytes = encodeProgram(program);
  return {
    architectures: selected.architectures,
    flags: selected.flags,
    instructions: program.length,
    program: Buffer.from(bytes).toString('base64'),
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  };
}
