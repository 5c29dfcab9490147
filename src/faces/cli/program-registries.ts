import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { LoginFlags } from './registry/login-command.ts';
import type { SearchFlags } from './registry/search-command.ts';
import type { Runner } from './runner.ts';
import { parseCount } from './values.ts';

/** login, logout, search */
export function addRegistryCommands(program: Command, context: CliContext, run: Runner): void {
  program
    .command('login [registry]')
    .description('prove to a registry who you are, and note it in your config.json; Docker Hub unless named')
    .option('-u, --username <name>', 'user; asked for on the terminal unless given')
    .option('--password-stdin', 'take the password from standard input')
    .action((registry: string | undefined, flags: LoginFlags) =>
      run(async (global) => {
        const { loginCommand } = await import('./registry/login-command.ts');
        return loginCommand(context, context.connect(global), { registry, flags });
      }),
    );

  program
    .command('logout [registry]')
    .description('forget what is noted for a registry; Docker Hub unless named')
    .action((registry: string | undefined) =>
      run(async () => (await import('./registry/login-command.ts')).logoutCommand(context, registry)),
    );

  program
    .command('search <term>')
    .description('look for repositories: on Docker Hub, or in REGISTRY/TERM')
    .option('--limit <number>', 'no more than so many', '25')
    .option('--no-trunc', 'descriptions in full')
    .option('--json', 'JSON')
    .action((words: string, { limit, ...flags }: Omit<SearchFlags, 'limit'> & { readonly limit: string }) =>
      run(async (global) => {
        const { searchCommand } = await import('./registry/search-command.ts');
        const how = { ...flags, limit: parseCount('--limit', limit) };
        return searchCommand(context, context.connect(global), { words, flags: how });
      }),
    );
}
