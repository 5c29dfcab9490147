import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SeccompChoice, SecurityConfig } from '../../model/security-config.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';

/** Each `--security-opt NAME=VALUE` with what it sets. */
const OPTIONS: Readonly<Record<string, (value: string, view: Pick<CliContext, 'cwd'>) => SecurityConfig>> = {
  seccomp: (value, { cwd }) => ({ seccomp: parseSeccomp('--security-opt seccomp', value, cwd) }),
};

/**
 * What `--security-opt` says, as docker has it: `seccomp=unconfined`, `seccomp=builtin`, `seccomp=PROFILE.json`. The older
 * `seccomp:unconfined` is understood too. The last one of a name wins.
 *
 * @returns `undefined` when nothing was said
 * @throws {EngineError} `cli.badValue`, `cli.unreadableFile` (invalid-argument)
 */
export function securityOf(values: readonly string[], view: Pick<CliContext, 'cwd'>): SecurityConfig | undefined {
  if (values.length === 0) return undefined;
  return Object.assign({}, ...values.map((value) => parseOption(value, view)));
}

function parseOption(text: string, view: Pick<CliContext, 'cwd'>): SecurityConfig {
  const [, name = text, value = ''] = /^([^=:]+)[=:](.*)$/s.exec(text) ?? [];
  const parse = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (parse === undefined) {
    const wanted = Object.keys(OPTIONS)
      .map((known) => `${known}=VALUE`)
      .join(', ');
    throw cliErrors.badValue({ option: '--security-opt', value: text, wanted });
  }
  return parse(value, view);
}

/**
 * `unconfined`, `builtin`, or a file, which is read here: the agent stands elsewhere.
 *
 * @throws {EngineError} `cli.badValue`, `cli.unreadableFile` (invalid-argument)
 */
export function parseSeccomp(option: string, value: string, cwd: string): SeccompChoice {
  if (value === 'unconfined' || value === 'builtin') return { kind: value };
  if (value === '') throw cliErrors.badValue({ option, value, wanted: 'unconfined, builtin or a profile in a file' });
  const path = resolve(cwd, value);
  try {
    return { kind: 'profile', name: path, content: readFileSync(path, 'utf8') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw cliErrors.unreadableFile({ option, path, reason });
  }
}
