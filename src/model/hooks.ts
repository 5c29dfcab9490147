import { defineErrors } from './error.ts';
import { checkText, MAX_ARGUMENT_BYTES, parseAbsolutePath } from './text-check.ts';

/** Points in the life of a container at which programs are run, in order (OCI runtime-spec 1.2, config.md "POSIX-platform Hooks"). */
export const HOOK_POINTS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type HookPoint = (typeof HOOK_POINTS)[number];

/** A program as the OCI runtime-spec has it; what is not said it does not get. */
export interface Hook {
  readonly path: string;
  /** With the name of the program as the first; missing: the path alone. */
  readonly args?: readonly string[];
  /** `NAME=value`; nothing else is in its environment. */
  readonly env?: readonly string[];
  /** Seconds; 10 unless given. */
  readonly timeout?: number;
}

export type HooksConfig = { readonly [Point in HookPoint]?: readonly Hook[] };

export interface HookRequest {
  readonly path: string;
  readonly args?: readonly string[] | undefined;
  readonly env?: readonly string[] | undefined;
  readonly timeout?: number | undefined;
}

export type HooksRequest = { readonly [Point in HookPoint]?: readonly HookRequest[] | undefined };

/** A launch has a minute in all. */
const MOST_HOOK_SECONDS = 50;
export const DEFAULT_HOOK_SECONDS = 10;
const MOST_HOOKS = 64;

export const hookErrors = defineErrors('hooks', {
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { count: number; most: number }) => `${d.count} hooks, and at most ${d.most} are allowed`,
  },
  badTimeout: {
    kind: 'invalid-argument',
    message: (d: { path: string; timeout: number; most: number }) =>
      `the timeout of hook ${d.path} is ${d.timeout} seconds, not a whole number from 1 to ${d.most}`,
    remedy: () => 'do what lasts longer in the background: a launch waits for its hooks',
  },
  malformedVariable: {
    kind: 'invalid-argument',
    message: (d: { path: string; entry: string }) =>
      `${JSON.stringify(d.entry)} in the environment of hook ${d.path} is not NAME=value`,
  },
});

/** @throws {EngineError} `hooks.*`, `text.*` (invalid-argument) */
export function parseHooks(request: HooksRequest): HooksConfig {
  const count = HOOK_POINTS.reduce((sum, point) => sum + (request[point]?.length ?? 0), 0);
  if (count > MOST_HOOKS) throw hookErrors.tooMany({ count, most: MOST_HOOKS });
  const entries = HOOK_POINTS.map((point) => [point, (request[point] ?? []).map(parseHook)] as const);
  return Object.fromEntries(entries.filter(([, hooks]) => hooks.length > 0));
}

/** @throws {EngineError} `hooks.*`, `text.*` (invalid-argument) */
export function parseHook({ path, args, env, timeout }: HookRequest): Hook {
  parseAbsolutePath('path of a hook', path);
  for (const word of args ?? []) checkText('argument of a hook', word, MAX_ARGUMENT_BYTES);
  for (const entry of env ?? []) {
    checkText('environment of a hook', entry, MAX_ARGUMENT_BYTES);
    if (entry.indexOf('=') < 1) throw hookErrors.malformedVariable({ path, entry });
  }
  if (timeout !== undefined && !(Number.isInteger(timeout) && timeout >= 1 && timeout <= MOST_HOOK_SECONDS)) {
    throw hookErrors.badTimeout({ path, timeout, most: MOST_HOOK_SECONDS });
  }
  return { path, ...(args && { args }), ...(env && { env }), ...(timeout !== undefined && { timeout }) };
}
