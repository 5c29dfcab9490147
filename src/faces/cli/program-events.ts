import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { type EventsOptions, eventsCommand } from './events-command.ts';
import { type Runner, repeatable } from './runner.ts';

/** events */
export function addEventCommands(program: Command, context: CliContext, run: Runner): void {
  program
    .command('events')
    .description('tell what happens to containers, images and volumes, until interrupted')
    .option('--since <time>', 'also what has happened since: 2026-01-31T12:00:00Z, or 10m')
    .option('--until <time>', 'end when this moment has come')
    .option(
      '-f, --filter <key=value>',
      'container=, label=, event=, type=, image= or volume=; may be repeated',
      repeatable,
    )
    .option('--format <format>', 'json: a JSON document a line')
    .action((options: EventsOptions) => run((global) => eventsCommand(context, context.connect(global), options)));
}
