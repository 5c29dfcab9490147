import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { imageExistsCommand, pullCommand, removeImageCommand } from './image-commands.ts';
import { imagesCommand, type ListOptions } from './image-list.ts';
import { addTransferCommands } from './program-transfers.ts';
import { addImageUpkeepCommands } from './program-upkeep.ts';
import { addHistory, addTag, addWrittenCommands } from './program-written.ts';
import { type Runner, repeatable } from './runner.ts';

interface Places {
  readonly context: CliContext;
  readonly run: Runner;
}

/** pull, images, rmi, image …, and what images are made of */
export function addImageCommands(program: Command, context: CliContext, run: Runner): void {
  const places = { context, run };
  addPull(program, places);
  addList(program.command('images [names...]'), places);
  addRemove(program.command('rmi <images...>'), places);

  // Both ways that users know: `isopod rmi` and `isopod image rm`.
  const image = program.command('image').description('look after images').helpCommand(false);
  addList(image.command('ls [names...]').alias('list'), places);
  addPull(image, places);
  addRemove(image.command('rm <images...>'), places);
  addImageUpkeepCommands(image, context, run);
  addTag(image, context, run);
  addTransferCommands(image, context, run);
  image
    .command('exists <image>')
    .description('whether an image is here: ends with 0, or with 1 where it is not')
    .action((text: string) => run((global) => imageExistsCommand(context, context.connect(global), text)));
  addTag(program, context, run);
  addHistory(program, context, run);
  addHistory(image, context, run);
  addWrittenCommands(program, image, context, run);
}

function addPull(parent: Command, { context, run }: Places): void {
  parent
    .command('pull <images...>')
    .description('fetch images: from a registry, oci:DIR[:tag] or oci-archive:FILE[:tag]')
    .option('--platform <os/arch[/variant]>', 'for another platform than ours')
    .option('--require-signature', 'only with a signature by one whom the trust policy names')
    .option('-q, --quiet', 'no progress')
    .action((references: string[], options: { platform?: string; requireSignature?: boolean; quiet?: boolean }) =>
      run((global) => {
        const { platform, requireSignature, quiet } = options;
        const input = { references, platform, requireSignature, quiet: quiet === true };
        return pullCommand(context, context.connect(global), input);
      }),
    );
}

function addList(command: Command, { context, run }: Places): void {
  command
    .description('list images: all, or those of the given names, which may be patterns')
    .option('-a, --all', 'nothing is left out: that is so without it, too')
    .option('--digests', 'with the digests of their manifests')
    .option(
      '-f, --filter <key=value>',
      'dangling=true|false, reference=PATTERN, label=KEY[=VALUE], label!=…, before=IMAGE, since=IMAGE or until=TIME; may be repeated',
      repeatable,
    )
    .option('--format <template>', "json, or a template: '{{.Repository}}:{{.Tag}}'; 'table …' for columns")
    .option('--no-trunc', 'whole ids')
    .option('-q, --quiet', 'ids only')
    .option('--json', 'JSON')
    .action((names: string[], options: Omit<ListOptions, 'names'>) =>
      run((global) => imagesCommand(context, context.connect(global), { names, ...options })),
    );
}

function addRemove(command: Command, { context, run }: Places): void {
  command
    .description('take images away, by reference or id')
    .option('-f, --force', 'all names of one that is named by its id, and the last name of one that a container uses')
    .action((images: string[], { force = false }: { force?: boolean }) =>
      run((global) => removeImageCommand(context, context.connect(global), { images, force })),
    );
}
