import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import type { CliContext, GlobalOptions } from './context.ts';
import { cliErrors, EXIT_ENGINE } from './errors.ts';
import { addChangeCommands } from './program-changes.ts';
import { addContainerCommands } from './program-containers.ts';
import { addDebugCommands } from './program-debug.ts';
import { addEventCommands } from './program-events.ts';
import { addFileCommands } from './program-files.ts';
import { addHostCommands } from './program-host.ts';
import { addImageCommands } from './program-images.ts';
import { addPruneCommands } from './program-prune.ts';
import { addRegistryCommands } from './program-registries.ts';
import { addStatsCommands } from './program-stats.ts';
import { addTokenCommands } from './program-tokens.ts';
import { addTransferCommands } from './program-transfers.ts';
import { addSystemCommands } from './program-upkeep.ts';
import { addVolumeCommands } from './program-volumes.ts';
import { addRemoteOptions, remoteOf } from './remote-options.ts';
import { reportError } from './report-error.ts';
import type { Runner } from './runner.ts';

const DEFAULT_ROOT = '/var/lib/isopod';
const DEFAULT_STATE = '/run/isopod';

/**
 * The whole command line. An action's exit code is given to `done`.
 *
 * @param context is not touched before an action runs, so help texts need no host
 */
export function buildProgram(context: CliContext, done: (code: number) => void): Command {
  const program = addRemoteOptions(new Command('isopod'))
    .description('Runs containers from images or directories, isolated by parts that you choose.')
    .addOption(
      new Option('--root <dir>', 'what survives a reboot: images, containers').env('ISOPOD_ROOT').default(DEFAULT_ROOT),
    )
    .addOption(
      new Option('--state <dir>', 'what does not: sockets, running state').env('ISOPOD_STATE').default(DEFAULT_STATE),
    )
    .version(context.version, '-v, --version', 'print the version')
    .enablePositionalOptions()
    .helpCommand(false)
    .showHelpAfterError('(isopod help COMMAND tells the options)')
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text.replace(/^error: /, 'isopod: ')),
    })
    .exitOverride();
  const run: Runner = async (action) =>
    done(
      await action({
        ...absoluteDirectories(directoriesOf(program, context), context.cwd),
        ...remoteOf(program, context),
      }),
    );
  addContainerCommands(program, context, run);
  addChangeCommands(program, context, run);
  addStatsCommands(program, context, run);
  addFileCommands(program, context, run);
  addEventCommands(program, context, run);
  addImageCommands(program, context, run);
  addTransferCommands(program, context, run);
  addRegistryCommands(program, context, run);
  addPruneCommands(program, context, run);
  addSystemCommands(program, context, run);
  addVolumeCommands(program, context, run);
  addTokenCommands(program, context, run);
  addHostCommands(program, context, run);
  addDebugCommands(program, context, run);
  addHelpCommand(program);
  return program;
}

/** What was said, and else what is usual for this user. */
function directoriesOf(program: Command, { ownDirectories }: CliContext): GlobalOptions {
  const said = program.opts<GlobalOptions>();
  if (ownDirectories === undefined) return said;
  const isUsual = (option: keyof GlobalOptions): boolean => program.getOptionValueSource(option) === 'default';
  return {
    root: isUsual('root') ? ownDirectories.root : said.root,
    state: isUsual('state') ? ownDirectories.state : said.state,
  };
}

/** The agent stands in another directory than we do. @throws {EngineError} `cli.badValue` */
function absoluteDirectories({ root, state }: GlobalOptions, cwd: string): GlobalOptions {
  return { root: absoluteDirectory('--root', root, cwd), state: absoluteDirectory('--state', state, cwd) };
}

function absoluteDirectory(option: string, value: string, cwd: string): string {
  if (value === '') throw cliErrors.badValue({ option, value, wanted: 'a directory' });
  return resolve(cwd, value);
}

/** commander's own takes a name that it does not know for none. */
function addHelpCommand(program: Command): void {
  program
    .command('help [command]')
    .description('tell what a command does, and its options')
    .action((name: string | undefined) => {
      if (name === undefined) return program.help();
      const command = program.commands.find((found) => found.name() === name);
      if (command === undefined) return program.error(`error: unknown command '${name}'`);
      return command.help();
    });
}

/** Parses and runs a command line. @returns the exit code */
export async function runProgram(context: CliContext, words: readonly string[]): Promise<number> {
  let code = 0;
  const program = buildProgram(context, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    // commander has told its own errors already; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_ENGINE;
    return reportError(context.stderr, error);
  }
}
