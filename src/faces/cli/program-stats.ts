import { type Command, Option } from 'commander';
import type { CliContext } from './context.ts';
import { type PressureOptions, pressureCommand } from './pressure-command.ts';
import type { Runner } from './runner.ts';
import { type StatsOptions, statsCommand } from './stats-command.ts';

/** stats, pressure */
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

  const resources = ['cpu', 'memory', 'io'];
  program
    .command('pressure <container> [threshold]')
    .description('tell each time a container has waited for a resource so long within a window: 300ms/2s')
    .addOption(new Option('--some <resource>', 'some of its processes waited, for cpu unless given').choices(resources))
    .addOption(new Option('--full <resource>', 'all that could have run waited').choices(resources))
    .option('--json', 'a JSON document a line')
    .action((id: string, threshold: string | undefined, options: PressureOptions) =>
      run((global) => pressureCommand(context, context.connect(global), { id, threshold, options })),
    );
}
