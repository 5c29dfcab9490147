import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { cancelCommand, loggingLevelCommand, metricsCommand, operationsCommand } from './debug-commands.ts';
import { cliErrors } from './errors.ts';
import type { Runner } from './runner.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** debug: what the agent is doing */
export function addDebugCommands(program: Command, context: CliContext, run: Runner): void {
  const debug = program.command('debug').description('look into the agent').helpCommand(false);

  debug
    .command('operations')
    .description('list what the agent is doing, what that waits for, and until when')
    .option('--json', 'JSON')
    .action(({ json }: { json?: boolean }) =>
      run((global) => operationsCommand(context, context.connect(global), json === true)),
    );

  debug
    .command('cancel <operations...>')
    .description('give up launches, pulls and starts of sessions')
    .action((ids: string[]) => run((global) => cancelCommand(context, context.connect(global), ids)));

  debug
    .command('logging-level [level]')
    .description(`tell how much the agent writes into its log, or set it: ${LEVELS.join(', ')}`)
    .option('--for <time>', 'for so long, then as before: 10m')
    .action((level: string | undefined, options: { for?: string }) =>
      run((global) => {
        if (level !== undefined && !LEVELS.includes(level)) {
          throw cliErrors.badValue({ option: 'level', value: level, wanted: `one of ${LEVELS.join(', ')}` });
        }
        if (level === undefined && options.for !== undefined) {
          throw cliErrors.badValue({ option: '--for', value: options.for, wanted: 'of use without a level' });
        }
        return loggingLevelCommand(context, context.connect(global), { level, time: options.for });
      }),
    );

  debug
    .command('metrics')
    .description('print all metrics, as Prometheus reads them')
    .action(() => run((global) => metricsCommand(context, context.connect(global))));
}
