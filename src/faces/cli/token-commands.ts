import { parseRole, parseScope, scopeText } from '../../model/access.ts';
import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { table } from './format.ts';
import { parseDuration } from './values.ts';

interface TokenInfo {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly scope?: { readonly labels?: Readonly<Record<string, string>>; readonly container?: string };
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
}

export interface TokenCreateFlags {
  readonly role: string;
  readonly scope?: readonly string[];
  readonly expires: string;
  readonly json?: boolean;
}

/** Prints the token alone, so that it can be taken into a variable. */
export async function createTokenCommand(
  context: CliContext,
  client: AgentClient,
  name: string,
  flags: TokenCreateFlags,
): Promise<number> {
  const scope = parseScope(flags.scope ?? []);
  const made = await client.call<{ readonly token: string; readonly info: TokenInfo }>('POST', '/v1/tokens', {
    ...{ name, role: parseRole(flags.role) },
    ...(scope !== undefined && { scope }),
    ...(flags.expires !== 'never' && { lifetimeMs: parseDuration('--expires', flags.expires) }),
  });
  printLine(context, flags.json === true ? JSON.stringify(made) : made.token);
  return 0;
}

export async function listTokensCommand(
  context: CliContext,
  client: AgentClient,
  { json }: { readonly json?: boolean },
): Promise<number> {
  const tokens = await client.call<readonly TokenInfo[]>('GET', '/v1/tokens');
  if (json === true) {
    printLine(context, JSON.stringify(tokens));
    return 0;
  }
  const time = (ms: number | undefined): string => (ms === undefined ? 'never' : new Date(ms).toISOString());
  const rows = tokens.map(({ id, name, role, scope, createdAtMs, expiresAtMs }) => [
    ...[id, name, role, scopeText(scope), time(createdAtMs), time(expiresAtMs)],
  ]);
  context.stdout.write(table(['ID', 'NAME', 'ROLE', 'SCOPE', 'CREATED', 'EXPIRES'], rows));
  return 0;
}

export async function revokeTokensCommand(
  context: CliContext,
  client: AgentClient,
  ids: readonly string[],
): Promise<number> {
  for (const id of ids) {
    await client.call('DELETE', `/v1/tokens/${encodeURIComponent(id)}`);
    printLine(context, id);
  }
  return 0;
}
