import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { copyCommand } from './copy-command.ts';
import type { Runner } from './runner.ts';

/** cp */
export function addFileCommands(program: Command, context: CliContext, run: Runner): void {
  program
    .command('cp <source> <target>')
    .description('copy files between a container and here: CONTAINER:PATH, a local path, or - for a tar stream')
    .option('-a, --archive', 'keep owners, setuid and setgid, and extended attributes')
    .option('-L, --follow-link', 'copy what a symlink leads to, where the source is one')
    .action((source: string, target: string, options: { archive?: boolean; followLink?: boolean }) =>
      run((global) => copyCommand(context, context.connect(global), { source, target, ...options })),
    );
}
