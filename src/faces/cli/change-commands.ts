import { present } from '../../model/container-request.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath, forEach } from './container-commands.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import type { RunOptions } from './run-request.ts';
import { parseBytes, parseCount, parseCpus } from './values.ts';

/** Options of `update` as commander gives them. */
export type UpdateOptions = Pick<RunOptions, 'memory' | 'cpus' | 'pidsLimit'>;

/** `isopod update` */
export function updateCommand(
  context: CliContext,
  client: AgentClient,
  { ids, options }: { readonly ids: readonly string[]; readonly options: UpdateOptions },
): Promise<number> {
  const resources = resourceChangesOf(options);
  return forEach(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/update`, { resources });
    return id;
  });
}

/** `isopod pause`, `isopod unpause` */
export function pauseCommand(
  context: CliContext,
  client: AgentClient,
  { ids, action }: { readonly ids: readonly string[]; readonly action: 'pause' | 'unpause' },
): Promise<number> {
  return forEach(context, ids, async (id) => {
    await client.call('POST', `${containerPath(id)}/${action}`);
    return id;
  });
}

/**
 * The limits that were named; null takes one away.
 *
 * @throws {EngineError} `cli.badValue`, `cli.noLimit` (invalid-argument)
 */
export function resourceChangesOf(options: UpdateOptions): Readonly<Record<string, unknown>> {
  const changes = present({
    memoryLimitBytes: changeOf(options.memory, (value) => parseBytes('--memory', value)),
    cpuMillis: changeOf(options.cpus, (value) => parseCpus('--cpus', value)),
    pidsLimit: changeOf(options.pidsLimit, (value) => parseCount('--pids-limit', value, 1)),
  });
  if (Object.keys(changes).length === 0) throw cliErrors.noLimit();
  return changes;
}

/** `0` and `-1` say that there is to be no limit. */
function changeOf(value: string | undefined, parse: (value: string) => number): number | null | undefined {
  if (value === undefined) return undefined;
  return value === '0' || value === '-1' ? null : parse(value);
}
