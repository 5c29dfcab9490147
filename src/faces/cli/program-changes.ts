import type { Command } from 'commander';
import type { AgentClient } from './agent-client.ts';
import { pauseCommand, type UpdateOptions, updateCommand } from './change-commands.ts';
import type { CliContext } from './context.ts';
import { addResourceOptions } from './resource-options.ts';
import { type Runner, repeatable } from './runner.ts';

/** update, pause, unpause */
export function addChangeCommands(program: Command, context: CliContext, run: Runner): void {
  const withAgent = (action: (client: AgentClient) => Promise<number>) =>
    run((global) => action(context.connect(global)));

  addResourceOptions(
    program
      .command('update <containers...>')
      .description(
        'change limits and devices of running containers: all that are named, or none; 0 or -1 takes a limit away; and restart policies',
      )
      .option('--restart <policy>', 'no, on-failure[:MAXIMUM], unless-stopped or always'),
  )
    .option('--no-memory-oom-group', 'out of memory ends one process again')
    .option('--no-oom-kill-disable', 'out of memory ends a process again')
    .option('--no-cpu-idle', 'compete for the CPU again')
    .option('--disk <bytes>', 'another limit of what is kept on disk, for a container that was given one; 10g')
    .option('--device-add <host[:container][:rwm]>', 'give it a device of the host; may be repeated', repeatable)
    .option('--device-rm <container>', 'take a device away, named by its path in the container', repeatable)
    .option('--device-cgroup-rule-add <rule>', 'what it may do with other devices: "c 10:200 rwm"', repeatable)
    .option('--device-cgroup-rule-rm <rule>', 'take away such a rule that it was given', repeatable)
    .action((ids: string[], options: UpdateOptions) =>
      withAgent((client) => updateCommand(context, client, { ids, options })),
    );

  program
    .command('pause <containers...>')
    .description('stop all processes of containers where they stand')
    .action((ids: string[]) => withAgent((client) => pauseCommand(context, client, { ids, action: 'pause' })));

  program
    .command('unpause <containers...>')
    .description('let the processes of paused containers go on')
    .action((ids: string[]) => withAgent((client) => pauseCommand(context, client, { ids, action: 'unpause' })));
}
