import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { historyCommand, inspectImagesCommand, tagCommand } from './image-record-commands.ts';
import { type Runner, repeatable } from './runner.ts';
import { type CommitOptions, commitCommand, diffCommand, exportCommand } from './written-commands.ts';

/** What `--format` of `inspect` takes. */
export const FORMAT_OF_PS = "json, or a template: '{{.ID}} {{.Names}}', 'table {{.Names}}\\t{{.Status}}'";
export const FORMAT_OF_INSPECT = "json, or a template: '{{.id}}', '{{json .config}}'";

/** image inspect, commit, diff, export */
export function addWrittenCommands(program: Command, image: Command, context: CliContext, run: Runner): void {
  image
    .command('inspect <images...>')
    .description('all that is known of images, with manifest and config, as JSON')
    .option('-f, --format <template>', FORMAT_OF_INSPECT)
    .action((images: string[], { format }: { format?: string }) =>
      run((global) => inspectImagesCommand(context, context.connect(global), { images, format })),
    );
  addCommit(program, context, run);
  program
    .command('diff <container>')
    .description('paths that a container has added (A), changed (C) or deleted (D)')
    .option('--json', 'JSON')
    .action((container: string, { json }: { json?: boolean }) =>
      run((global) => diffCommand(context, context.connect(global), { container, json: json === true })),
    );
  program
    .command('export <container>')
    .description('the whole root of a container as a tar stream, without volumes')
    .option('-o, --output <file>', 'write it to a file')
    .action((container: string, { output }: { output?: string }) =>
      run((global) => exportCommand(context, context.connect(global), { container, output })),
    );
}

export function addTag(parent: Command, context: CliContext, run: Runner): void {
  parent
    .command('tag <image> <names...>')
    .description('give an image more names')
    .action((image: string, names: string[]) =>
      run((global) => tagCommand(context, context.connect(global), { image, names })),
    );
}

export function addHistory(parent: Command, context: CliContext, run: Runner): void {
  parent
    .command('history <image>')
    .description('the steps that made an image, the last one first')
    .option('--no-trunc', 'whole ids and commands')
    .option('-q, --quiet', 'layers only')
    .option('--format <template>', "json, or a template: '{{.CreatedBy}}'; 'table …' for columns")
    .option('--json', 'JSON')
    .action((image: string, options: { trunc?: boolean; quiet?: boolean; json?: boolean; format?: string }) =>
      run((global) => historyCommand(context, context.connect(global), { image, ...options })),
    );
}

function addCommit(program: Command, context: CliContext, run: Runner): void {
  program
    .command('commit <container> [name]')
    .description('make an image of a container: its image, and what it has written')
    .option(
      '-c, --change <instruction>',
      'change the config, as a Dockerfile does: \'CMD ["sh"]\'; may be repeated',
      repeatable,
    )
    .option('-m, --message <text>', 'say what it is')
    .option('-a, --author <text>', 'say whose it is')
    .option('--no-pause', 'let it run while its files are read')
    .action((container: string, reference: string | undefined, options: CommitOptions) =>
      run((global) => commitCommand(context, context.connect(global), { container, reference, ...options })),
    );
}
