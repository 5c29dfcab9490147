import type { Command } from 'commander';
import { confirmed } from './confirm.ts';
import type { CliContext } from './context.ts';
import { diskUseCommand } from './disk-use-command.ts';
import { pruneImagesCommand } from './image-upkeep-commands.ts';
import { pruneRequest } from './image-upkeep-options.ts';
import { type Runner, repeatable } from './runner.ts';
import { pruneSystemCommand, type SystemPruneOptions } from './system-prune-command.ts';
import { absoluteReference } from './values.ts';
import { verifyImagesCommand } from './verify-command.ts';

type PruneOptions = Parameters<typeof pruneRequest>[0] & {
  readonly exclude?: readonly string[];
  readonly force?: boolean;
};

/** image prune, image verify */
export function addImageUpkeepCommands(image: Command, context: CliContext, run: Runner): void {
  image
    .command('prune')
    .description('take away the images that no container uses and that have no name, and partial downloads')
    .option('-a, --all', 'those that have names, too')
    .option('--exclude <image>', 'one that stays; may be repeated', repeatable)
    .option(
      '--filter <key=value>',
      'until=24h or a time (made before), label=KEY[=VALUE], label!=KEY[=VALUE], dangling=false; may be repeated',
      repeatable,
    )
    .option('--older-than <time>', 'only those that were neither stored nor used for so long: 24h')
    .option('--keep-newest <count>', 'of each name those stay that were stored last')
    .option(
      '--low-water <percent>',
      'no more than it takes until the disk is so full: 80%; the longest unused go first',
    )
    .option('--dry-run', 'only tell what would go')
    .option('-f, --force', 'do not ask on the terminal')
    .action((options: PruneOptions) =>
      run(async (global) => {
        const what = `${options.all === true ? 'all images that no container uses' : 'images without a name that no container uses'}, as far as the options let them go`;
        const force = options.force === true || options.dryRun === true;
        const exclude = (options.exclude ?? []).map((text) => absoluteReference(text, context.cwd));
        const request = { ...pruneRequest(options, Date.now()), exclude };
        if (!(await confirmed(context, { what, force }))) return 0;
        return await pruneImagesCommand(context, context.connect(global), request);
      }),
    );
  image
    .command('verify [images...]')
    .description('look whether images, all unless some are named, are as they came')
    .option('--repair', 'put trees right from the kept layers, and take damaged content away so that a pull brings it')
    .option('--json', 'JSON')
    .action((images: string[], options: { repair?: boolean; json?: boolean }) =>
      run((global) => verifyImagesCommand(context, context.connect(global), { images, ...options })),
    );
}

/** system df, system prune */
export function addSystemCommands(program: Command, context: CliContext, run: Runner): void {
  const system = program.command('system').description('look after the disk').helpCommand(false);
  system
    .command('prune')
    .description('take away containers that have ended, images that nobody uses, and partial downloads')
    .option('-a, --all', 'images that have names, too')
    .option('--volumes', 'and volumes that were made for containers which are gone')
    .option(
      '--filter <key=value>',
      'until=24h or a time, label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated',
      repeatable,
    )
    .option('-f, --force', 'do not ask on the terminal')
    .action((options: SystemPruneOptions) =>
      run((global) => pruneSystemCommand(context, context.connect(global), options)),
    );
  system
    .command('df')
    .description('what images, containers and volumes take on disk, and what of it nobody uses')
    .option('-v, --verbose', 'each image, layer, container and volume, too')
    .option('--json', 'JSON')
    .action((options: { json?: boolean; verbose?: boolean }) =>
      run((global) => diskUseCommand(context, context.connect(global), options)),
    );
}
