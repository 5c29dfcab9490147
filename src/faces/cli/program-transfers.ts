import { type Command, Option } from 'commander';
import type { CliContext } from './context.ts';
import { type Runner, repeatable } from './runner.ts';
import { copyImageCommand, importCommand, loadCommand, pushCommand, saveCommand } from './transfer-commands.ts';

const PLATFORM = ['--platform <os/arch[/variant]>', 'for another platform than ours'] as const;
const REQUIRE_SIGNATURE = ['--require-signature', 'only with a signature by one whom the trust policy names'] as const;
const QUIET = ['-q, --quiet', 'no progress'] as const;

interface Said {
  readonly all?: boolean;
  readonly platform?: string;
  readonly requireSignature?: boolean;
  readonly quiet?: boolean;
  readonly output?: string;
  readonly input?: string;
  readonly format?: string;
  readonly change?: readonly string[];
  readonly message?: string;
}

/** push, copy, save, load, import */
export function addTransferCommands(program: Command, context: CliContext, run: Runner): void {
  program
    .command('push <image> [target]')
    .description('push an image of the store to its registry, or to any other target')
    .option(...QUIET)
    .action((image: string, target: string | undefined, { quiet }: Said) =>
      run((global) => pushCommand(context, context.connect(global), { image, target, quiet: quiet === true })),
    );

  program
    .command('copy <source> <target>')
    .description('copy an image from any source to any target, past the store: docker://NAME, oci:DIR, dir:DIR …')
    .option('-a, --all', 'every platform that the source has')
    .option(...PLATFORM)
    .option(...REQUIRE_SIGNATURE)
    .option(...QUIET)
    .action((source: string, target: string, { all = false, quiet = false, ...said }: Said) =>
      run((global) => copyImageCommand(context, context.connect(global), { source, target, all, quiet, ...said })),
    );

  program
    .command('save <images...>')
    .description('write images of the store as one archive, for docker load')
    .option('-o, --output <file>', 'where to, instead of standard output')
    .addOption(new Option('--format <format>', 'what to write').choices(['docker-archive', 'oci-archive']))
    .option('--platform <os/arch[/variant]>', 'only images that are here for this platform; others are refused')
    .action((images: string[], { output, format, platform }: Said) =>
      run((global) => saveCommand(context, context.connect(global), { images, output, format, platform })),
    );

  program
    .command('load [file]')
    .description('take in the images of an archive: what docker or podman save, or an OCI layout, also compressed')
    .option('-i, --input <file>', 'where from, instead of FILE or standard input')
    .option(...PLATFORM)
    .option(...REQUIRE_SIGNATURE)
    .option('-q, --quiet', 'ids instead of names')
    .action((file: string | undefined, { quiet = false, ...said }: Said) =>
      run((global) => loadCommand(context, context.connect(global), { file, quiet, ...said })),
    );

  program
    .command('import <source> [reference]')
    .description('make the tar file of a root file system an image: a file, an http URL, or - for standard input')
    .option('-c, --change <instruction>', 'such as CMD ["sh"]; may be repeated', repeatable)
    .option('-m, --message <text>', 'for its history')
    .option(...PLATFORM)
    .action((source: string, reference: string | undefined, { change: changes = [], message, platform }: Said) =>
      run((global) =>
        importCommand(context, context.connect(global), { source, reference, changes, message, platform }),
      ),
    );
}
