import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { imagesCommand, pullCommand, removeImageCommand } from './image-commands.ts';
import { addImageUpkeepCommands } from './program-upkeep.ts';
import { addWrittenCommands } from './program-written.ts';
import type { Runner } from './runner.ts';

/** pull, images, rmi, image …, and what images are made of */
export function addImageCommands(program: Command, context: CliContext, run: Runner): void {
  program
    .command('pull <image>')
    .description('fetch an image: from a registry, oci:DIR[:tag] or oci-archive:FILE[:tag]')
    .option('--platform <os/arch[/variant]>', 'for another platform than ours')
    .option('--require-signature', 'only with a signature by one whom the trust policy names')
    .option('-q, --quiet', 'no progress')
    .action((reference: string, options: { platform?: string; requireSignature?: boolean; quiet?: boolean }) =>
      run((global) => {
        const { platform, requireSignature, quiet } = options;
        const input = { reference, platform, requireSignature, quiet: quiet === true };
        return pullCommand(context, context.connect(global), input);
      }),
    );

  program
    .command('images')
    .description('list images')
    .option('-q, --quiet', 'ids only')
    .option('--json', 'JSON')
    .action((options: { quiet?: boolean; json?: boolean }) =>
      run((global) => imagesCommand(context, context.connect(global), options)),
    );

  program
    .command('rmi <images...>')
    .description('take images away, by reference or id')
    .action((images: string[]) => run((global) => removeImageCommand(context, context.connect(global), images)));

  const image = program.command('image').description('look after images').helpCommand(false);
  addImageUpkeepCommands(image, context, run);
  addWrittenCommands(program, image, context, run);
}
