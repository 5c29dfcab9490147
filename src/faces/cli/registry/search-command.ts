import { DOCKER_HUB, parseRegistryName } from '../../../model/registry-name.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliContext, printLine } from '../context.ts';
import { table, visible } from '../format.ts';
import { notedCredential } from './credentials.ts';

/** A repository as the agent's JSON has it. */
interface FoundJson {
  readonly name: string;
  readonly description: string;
  readonly stars: number | null;
  readonly isOfficial: boolean;
}

export interface SearchFlags {
  readonly limit: number;
  readonly trunc: boolean;
  readonly json?: boolean;
}

const SHOWN_DESCRIPTION = 45;

/** `isopod search`: repositories of Docker Hub, or of the registry that the term begins with. */
export async function searchCommand(
  context: CliContext,
  client: AgentClient,
  { words, flags }: { readonly words: string; readonly flags: SearchFlags },
): Promise<number> {
  const { registry, term } = splitTerm(words);
  const credential = await notedCredential(context, { registry });
  const found = await client.call<readonly FoundJson[]>('POST', '/v1/registries/search', {
    ...{ registry, term, limit: flags.limit },
    ...(credential !== undefined && { credential }),
  });
  if (flags.json === true) printLine(context, JSON.stringify(found, undefined, 2));
  else context.stdout.write(searchTable(found, { registry, isCut: flags.trunc }));
  return 0;
}

/** `registry.example/term` searches there; whatever else has a slash is a term, as for Docker. */
export function splitTerm(words: string): { readonly registry: string; readonly term: string } {
  const slash = words.indexOf('/');
  const first = words.slice(0, slash);
  if (slash > 0 && (first === 'localhost' || /[.:]/.test(first))) {
    return { registry: parseRegistryName(first), term: words.slice(slash + 1) };
  }
  return { registry: DOCKER_HUB, term: words };
}

/** What `search` prints; names as `pull` takes them. */
export function searchTable(
  found: readonly FoundJson[],
  { registry, isCut }: { readonly registry: string; readonly isCut: boolean },
): string {
  const prefix = registry === DOCKER_HUB ? '' : `${registry}/`;
  const rows = found.map(({ name, description, stars, isOfficial }) => [
    visible(`${prefix}${name}`),
    visible(shown(description, isCut)),
    stars === null ? '-' : String(stars),
    isOfficial ? '[OK]' : '',
  ]);
  return table(['NAME', 'DESCRIPTION', 'STARS', 'OFFICIAL'], rows);
}

function shown(description: string, isCut: boolean): string {
  const line = description.replace(/\s+/g, ' ').trim();
  return isCut && line.length > SHOWN_DESCRIPTION ? `${line.slice(0, SHOWN_DESCRIPTION - 1)}…` : line;
}
