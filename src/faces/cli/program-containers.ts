import { type Command, Option } from 'commander';
import type { AgentClient } from './agent-client.ts';
import { killCommand, removeCommand, stopCommand } from './container-commands.ts';
import { type PsOptions, psCommand } from './container-list.ts';
import type { CliContext } from './context.ts';
import { inspectCommand } from './image-record-commands.ts';
import {
  CONDITIONS,
  restartCommand,
  type StartOptions,
  startCommand,
  type WaitOptions,
  waitForCommand,
} from './life-commands.ts';
import { FORMAT_OF_INSPECT, FORMAT_OF_PS } from './program-written.ts';
import { runCommand } from './run-command.ts';
import { addContainerOptions, DEFAULT_DETACH_KEYS } from './run-options.ts';
import type { RunOptions } from './run-request.ts';
import { type Runner, repeatable } from './runner.ts';
import { securityReportCommand } from './security-report-command.ts';
import {
  type AttachOptions,
  attachCommand,
  type ExecOptions,
  execCommand,
  type LogsOptions,
  logsCommand,
} from './stream-commands.ts';

const DETACH_KEYS = ['--detach-keys <keys>', 'keys that detach from a terminal', DEFAULT_DETACH_KEYS] as const;

/** run, exec, ps, logs, attach, wait, kill, stop, rm, inspect */
export function addContainerCommands(program: Command, context: CliContext, run: Runner): void {
  const withAgent = (action: (client: AgentClient) => Promise<number>) =>
    run((global) => action(context.connect(global)));

  addContainerOptions(program.command('run [image] [command...]').description('run a command in a new container'))
    .option('-d, --detach', 'print the uid and leave the container running')
    .option(...DETACH_KEYS)
    .option('--platform <os/arch[/variant]>', 'its image for another platform than ours, if this host can run it')
    .option('--timings', 'tell where the time of the launch went')
    .option('--security-report', 'tell what the container may do, tried from inside, in place of running the command')
    .option('--json', 'JSON, of a security report')
    .passThroughOptions()
    .action((image: string | undefined, command: string[], options: RunOptions) => {
      const words = image === undefined ? command : [image, ...command];
      if (options.securityReport === true || options.json === true) {
        return withAgent((client) => securityReportCommand(context, client, { words, options }));
      }
      return withAgent((client) => runCommand(context, client, { words, options }));
    });

  program
    .command('exec <container> <command...>')
    .description('run a further command in a running container')
    .option('-i, --interactive', 'send our input to the command')
    .option('-t, --tty', 'give the command a terminal')
    .option('-d, --detach', 'do not wait for the command')
    .option('-e, --env <name=value>', 'a variable, or a NAME to pass on; may be repeated', repeatable)
    .option('-w, --workdir <dir>', 'working directory')
    .option('-u, --user <user[:group]>', 'who runs the command')
    .option(...DETACH_KEYS)
    // Known, so that it is refused with the reason.
    .addOption(new Option('--privileged').hideHelp())
    .passThroughOptions()
    .action((id: string, command: string[], options: ExecOptions) =>
      withAgent((client) => execCommand(context, client, { id, command, options })),
    );

  program
    .command('ps')
    .description('list containers')
    .option('-a, --all', 'those that have ended too')
    .option('-q, --quiet', 'uids only')
    .option('-f, --filter <key=value>', 'name=, label=, state=, uid= or image=; may be repeated', repeatable)
    .option('-n, --last <count>', 'the newest so many, those that have ended too')
    .option('-l, --latest', 'the newest, also when it has ended')
    .option('--no-trunc', 'commands in full')
    .option('--format <template>', FORMAT_OF_PS)
    .option('--json', 'JSON')
    .action((options: PsOptions) => withAgent((client) => psCommand(context, client, options)));

  addLifeCommands(program, context, withAgent);
  addWatchingCommands(program, context, withAgent);
  addEndingCommands(program, context, withAgent);
}

type WithAgent = (action: (client: AgentClient) => Promise<number>) => Promise<void>;

function addLifeCommands(program: Command, context: CliContext, withAgent: WithAgent): void {
  program
    .command('start <containers...>')
    .description('start containers that have ended, with their files')
    .option('-a, --attach', 'join our streams with those of the container, and end with its exit code')
    .option('-i, --interactive', 'the same, and send our input to it')
    .option(...DETACH_KEYS)
    .action((ids: string[], options: StartOptions) =>
      withAgent((client) => startCommand(context, client, { ids, options })),
    );

  program
    .command('restart <containers...>')
    .description('stop containers, and start them again')
    .option('-t, --time <seconds>', 'how long they may take to end; as each was run with unless given, else 10')
    .action((ids: string[], { time }: { time?: string }) =>
      withAgent((client) => restartCommand(context, client, { ids, time })),
    );
}

function addWatchingCommands(program: Command, context: CliContext, withAgent: WithAgent): void {
  program
    .command('logs <container>')
    .description('print what a container has written')
    .option('-f, --follow', 'go on until it has ended')
    .option('-n, --tail <lines>', 'only the last lines')
    .option('--since <time>', 'only what is not older: 2026-01-31T12:00:00Z, or 10m')
    .option('--until <time>', 'only what is older, in the same words')
    .option('-t, --timestamps', 'the time before each line')
    .action((id: string, options: LogsOptions) => withAgent((client) => logsCommand(context, client, { id, options })));

  program
    .command('attach <container>')
    .description('join our streams with those of a running container')
    .option(...DETACH_KEYS)
    .option('--no-stdin', 'watch only')
    .action((id: string, options: AttachOptions) =>
      withAgent((client) => attachCommand(context, client, { id, options })),
    );

  program
    .command('wait <containers...>')
    .description('wait until containers have ended, and print their exit codes, or until they are as wanted')
    .addOption(new Option('--condition <condition>', 'what is waited for').choices(CONDITIONS).default('exited'))
    .option('--timeout <time>', 'fail when it has not come about by then: 30s')
    .action((ids: string[], options: WaitOptions) =>
      withAgent((client) => waitForCommand(context, client, { ids, options })),
    );

  program
    .command('inspect <names...>')
    .description('print all that is known of containers, or of images where no container has the name, as JSON')
    .addOption(new Option('--type <kind>', 'only these').choices(['container', 'image']))
    .option('-f, --format <template>', FORMAT_OF_INSPECT)
    .action((names: string[], { type, format }: { type?: 'container' | 'image'; format?: string }) =>
      withAgent((client) => inspectCommand(context, client, { names, type, format })),
    );
}

function addEndingCommands(program: Command, context: CliContext, withAgent: WithAgent): void {
  program
    .command('kill <containers...>')
    .description('send a signal to the first process of containers, or to all')
    .option('-s, --signal <signal>', 'name or number', 'KILL')
    .option('-a, --all', 'to every process in them, sessions and what lives in them included')
    .action((ids: string[], { signal, all = false }: { signal: string; all?: boolean }) =>
      withAgent((client) => killCommand(context, client, { ids, signal, all })),
    );

  program
    .command('stop <containers...>')
    .description('ask containers to end, then end them')
    .option('-t, --time <seconds>', 'how long they may take; as each was run with unless given, else 10')
    .action((ids: string[], { time }: { time?: string }) =>
      withAgent((client) => stopCommand(context, client, { ids, time })),
    );

  program
    .command('rm <containers...>')
    .description('forget containers that have ended')
    .option('-f, --force', 'end those that run')
    .option('-v, --volumes', 'remove the volumes that were made for them too')
    .action((ids: string[], { force = false, volumes = false }: { force?: boolean; volumes?: boolean }) =>
      withAgent((client) => removeCommand(context, client, { ids, force, volumes })),
    );
}
