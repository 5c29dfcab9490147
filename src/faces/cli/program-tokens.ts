import { type Command, Option } from 'commander';
import { ROLES } from '../../model/access.ts';
import type { CliContext } from './context.ts';
import { type Runner, repeatable } from './runner.ts';
import { createTokenCommand, listTokensCommand, revokeTokensCommand, type TokenCreateFlags } from './token-commands.ts';

/** token create, list, revoke */
export function addTokenCommands(program: Command, context: CliContext, run: Runner): void {
  const token = program.command('token').description('tokens that let others use the agent').helpCommand(false);

  token
    .command('create <name>')
    .description('make a token and print it; it is shown only once (ISOPOD_TOKEN takes it)')
    .addOption(
      new Option('-r, --role <role>', 'read: look; operate: also run confined containers; admin: all')
        .choices(ROLES)
        .makeOptionMandatory(),
    )
    .option(
      '-s, --scope <part>',
      'only what has label=KEY=VALUE, or is container=ID or below it; may be repeated, for what has all',
      repeatable,
    )
    .option('-e, --expires <time>', 'how long it counts: 12h, 720h; or never', '720h')
    .option('--json', 'JSON')
    .action((name: string, flags: TokenCreateFlags) =>
      run((global) => createTokenCommand(context, context.connect(global), name, flags)),
    );

  token
    .command('list')
    .alias('ls')
    .description('list tokens, without what would let somebody in')
    .option('--json', 'JSON')
    .action((flags: { json?: boolean }) => run((global) => listTokensCommand(context, context.connect(global), flags)));

  token
    .command('revoke <ids...>')
    .alias('rm')
    .description('from now on these let nobody in')
    .action((ids: string[]) => run((global) => revokeTokensCommand(context, context.connect(global), ids)));
}
