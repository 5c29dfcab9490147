import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { HOOK_POINTS, type HookPoint } from '../../model/hooks.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';

/**
 * `--hook POINT=FILE`: a file with one hook, or a list of them, as in the `hooks` of an OCI config.json; read here, for the agent stands
 * elsewhere. What is in it is checked by the agent.
 *
 * @returns `undefined` when nothing was said
 * @throws {EngineError} `cli.badValue`, `cli.unreadableFile` (invalid-argument)
 */
export function hooksOf(
  values: readonly string[],
  { cwd }: Pick<CliContext, 'cwd'>,
): Readonly<Record<string, readonly unknown[]>> | undefined {
  if (values.length === 0) return undefined;
  const hooks: { [Point in HookPoint]?: unknown[] } = {};
  for (const value of values) {
    const at = value.indexOf('=');
    const point = HOOK_POINTS.find((one) => one === value.slice(0, at));
    if (point === undefined) {
      throw cliErrors.badValue({
        option: '--hook',
        value,
        wanted: `POINT=FILE with a point of ${HOOK_POINTS.join(', ')}`,
      });
    }
    hooks[point] = [...(hooks[point] ?? []), ...readHooks(resolve(cwd, value.slice(at + 1)))];
  }
  return hooks;
}

function readHooks(path: string): readonly unknown[] {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(found) ? found : [found];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw cliErrors.unreadableFile({ option: '--hook', path, reason });
  }
}
