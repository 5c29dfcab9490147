import { type Command, Option } from 'commander';
import type { CliContext } from './context.ts';
import { cancelCommand, loggingLevelCommand, metricsCommand, operationsCommand } from './debug-commands.ts';
import { type DebugContainerOptions, debugContainerCommand } from './debug-container-command.ts';
import { cliErrors } from './errors.ts';
import { DEFAULT_DETACH_KEYS } from './run-options.ts';
import { type Runner, repeatable } from './runner.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** debug: a container from inside, with tools of one's own, and what the agent is doing */
export function addDebugCommands(program: Command, context: CliContext, run: Runner): void {
  const debug = program
    .command('debug')
    .description('look into a container with tools of an image, or into the agent')
    .helpCommand(false);
  addDebugContainer(debug, context, run);

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

/** `isopod debug CONTAINER`; the word `container` is needed only for one that is called as a command below is. */
function addDebugContainer(debug: Command, context: CliContext, run: Runner): void {
  debug
    .command('container <container> [command...]', { isDefault: true })
    .usage('CONTAINER --image IMAGE [options] [--] [COMMAND...]')
    .description('run a command of another image in all that a running container is in but its root file system')
    .requiredOption('--image <image>', 'where the tools are from')
    .option('-i, --interactive', 'send our input to the command')
    .option('-t, --tty', 'give the command a terminal')
    .option('-d, --detach', 'print the uid; it goes on until its command or the container ends')
    .option('--keep', 'it goes on when we leave')
    .option('--name <name>', 'a name for it; one is made up otherwise')
    .option('-l, --label <key=value>', 'a label; may be repeated', repeatable)
    .option('-e, --env <name=value>', 'a variable, or a NAME to pass on; may be repeated', repeatable)
    .option('--env-file <file>', 'variables from a file, one a line; may be repeated', repeatable)
    .option('-w, --workdir <dir>', 'working directory')
    .option('-u, --user <user[:group]>', 'who runs the command; who the container runs as otherwise')
    .option('--entrypoint <program>', "replaces the image's entrypoint; an empty one clears it")
    .option('-v, --volume <source:path[:opts]>', 'shows a host path or a named volume; may be repeated', repeatable)
    .option('--mount <fields>', 'as isopod run has it; may be repeated', repeatable)
    .option('--cap-add <name>', 'a capability that the container lacks, SYS_PTRACE; may be repeated', repeatable)
    .addOption(
      new Option('--pull <when>', 'when to fetch the image').choices(['missing', 'always', 'never']).default('missing'),
    )
    .option('--detach-keys <keys>', 'keys that leave it, which ends it without --keep', DEFAULT_DETACH_KEYS)
    .action((target: string, command: string[], options: DebugContainerOptions) =>
      run((global) => debugContainerCommand(context, context.connect(global), { target, command, options })),
    );
}
