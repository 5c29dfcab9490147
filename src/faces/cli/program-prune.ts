import type { Command } from 'commander';
import type { AgentClient } from './agent-client.ts';
import { confirmed } from './confirm.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors } from './errors.ts';
import { type Runner, repeatable } from './runner.ts';
import { parseMoment } from './values.ts';

export interface PruneContainersOptions {
  readonly filter?: readonly string[];
  readonly volumes?: boolean;
  readonly force?: boolean;
}

/** container prune */
export function addPruneCommands(program: Command, context: CliContext, run: Runner): void {
  const container = program
    .command('container')
    .description('look after containers that have ended')
    .helpCommand(false);
  container
    .command('prune')
    .description('forget containers that have ended and that nothing is about to start again')
    .option(
      '--filter <key=value>',
      'until=24h or a time, label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated',
      repeatable,
    )
    .option('-v, --volumes', 'with the volumes that were made for them')
    .option('-f, --force', 'do not ask on the terminal')
    .action((options: PruneContainersOptions) =>
      run((global) => pruneContainersCommand(context, context.connect(global), options)),
    );
}

/** `isopod container prune` prints the uids of those that are gone. */
export async function pruneContainersCommand(
  context: CliContext,
  client: AgentClient,
  { filter = [], volumes = false, force }: PruneContainersOptions,
): Promise<number> {
  const body = { ...pruneFilters(filter, Date.now()), volumes };
  const what = `the containers that have ended, with what they wrote${volumes ? ' and their own volumes' : ''}`;
  if (!(await confirmed(context, { what, force }))) return 0;
  const { removed } = await client.call<{ readonly removed: readonly string[] }>('POST', '/v1/containers/prune', body);
  for (const uid of removed) printLine(context, uid);
  return 0;
}

const WANTED = 'until=, label=KEY[=VALUE] or label!=KEY[=VALUE]';

/** `until=`, of several the earliest, `label=` and `label!=`. @throws {EngineError} `cli.badValue` */
export function pruneFilters(
  filters: readonly string[],
  nowMs: number,
): { readonly endedBeforeMs?: number; readonly labels: readonly string[]; readonly withoutLabels: readonly string[] } {
  const timed = filters.filter((filter) => filter.startsWith('until='));
  const { labels, withoutLabels } = labelFilters(
    filters.filter((filter) => !timed.includes(filter)),
    WANTED,
  );
  const moments = timed.map((filter) => parseMoment('--filter', filter.slice('until='.length), nowMs));
  return { ...(moments.length > 0 && { endedBeforeMs: Math.min(...moments) }), labels, withoutLabels };
}

/** `label=KEY[=VALUE]` and `label!=KEY[=VALUE]`. @throws {EngineError} `cli.badValue` for anything else */
export function labelFilters(
  filters: readonly string[],
  wanted: string,
): { readonly labels: readonly string[]; readonly withoutLabels: readonly string[] } {
  const labels: string[] = [];
  const withoutLabels: string[] = [];
  for (const filter of filters) {
    const [, sign, value] = /^label(!?=)(.+)$/s.exec(filter) ?? [];
    if (value === undefined) throw cliErrors.badValue({ option: '--filter', value: filter, wanted });
    (sign === '!=' ? withoutLabels : labels).push(value);
  }
  return { labels, withoutLabels };
}
