import type { Command } from 'commander';
import type { AgentClient } from './agent-client.ts';
import type { CliContext } from './context.ts';
import { type Runner, repeatable } from './runner.ts';
import {
  createVolumeCommand,
  inspectVolumesCommand,
  listVolumesCommand,
  pruneVolumesCommand,
  removeVolumesCommand,
} from './volume-commands.ts';

/** volume create, ls, inspect, rm, prune */
export function addVolumeCommands(program: Command, context: CliContext, run: Runner): void {
  const withAgent = (action: (client: AgentClient) => Promise<number>) =>
    run((global) => action(context.connect(global)));
  const volume = program.command('volume').description('volumes with lives of their own').helpCommand(false);

  volume
    .command('create [name]')
    .description('make a volume; one is named at random otherwise')
    .option('-d, --driver <name>', 'where its data are: local unless given')
    .option('-o, --opt <key=value>', 'an option of the driver; may be repeated', repeatable)
    .option('-l, --label <key=value>', 'a label; may be repeated', repeatable)
    .action((name: string | undefined, options: { driver?: string; opt?: string[]; label?: string[] }) =>
      withAgent((client) => createVolumeCommand(context, client, { name, ...options })),
    );

  volume
    .command('ls')
    .description('list volumes')
    .option('-q, --quiet', 'names only')
    .option('-f, --filter <key=value>', 'name=, label=, driver= or dangling=; may be repeated', repeatable)
    .option('--json', 'JSON')
    .action((options: { quiet?: boolean; json?: boolean; filter?: string[] }) =>
      withAgent((client) => listVolumesCommand(context, client, options)),
    );

  volume
    .command('inspect <names...>')
    .description('print all that is known of volumes, as JSON')
    .action((names: string[]) => withAgent((client) => inspectVolumesCommand(context, client, names)));

  volume
    .command('rm <names...>')
    .description('remove volumes, with their data')
    .action((names: string[]) => withAgent((client) => removeVolumesCommand(context, client, names)));

  volume
    .command('prune')
    .description('remove volumes that were made for containers which are gone')
    .option('-a, --all', 'those that have been named too, where no container has them')
    .option('--filter <key=value>', 'label=KEY[=VALUE] or label!=KEY[=VALUE]; may be repeated', repeatable)
    .option('-f, --force', 'do not ask on the terminal')
    .action((options: { all?: boolean; filter?: string[]; force?: boolean }) =>
      withAgent((client) => pruneVolumesCommand(context, client, options)),
    );
}
