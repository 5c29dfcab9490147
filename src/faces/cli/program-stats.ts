import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { Runner } from './runner.ts';
import { type StatsOptions, statsCommand } from './stats-command.ts';

/** stats */
export function addStatsCommands(program: Command, context: CliContext, run: Runner): void {
  program
    .command('stats [containers...]')
    .description('show what running containers use, again each second')
    .option('-a, --all', 'those that have ended too')
    .option('--json', 'one JSON document with all that is known of all of them, then end')
    .option('--no-stream', 'one table, then end')
    .action((ids: string[], options: StatsOptions) =>
      run((global) => statsCommand(context, context.connect(global), { ids, options })),
    );
}
