import type { AgentClient } from './agent-client.ts';
import { toItsEnd } from './archive-cut.ts';
import { type CliContext, printLine } from './context.ts';
import { visible } from './format.ts';
import type { ImageJson } from './image-commands.ts';
import { checkOutput, writeOutput } from './local-file.ts';

interface ChangeJson {
  readonly kind: 'added' | 'changed' | 'deleted';
  readonly path: string;
}

const LETTERS = { added: 'A', changed: 'C', deleted: 'D' } as const;

/** `isopod diff` */
export async function diffCommand(
  context: CliContext,
  client: AgentClient,
  { container, json }: { readonly container: string; readonly json: boolean },
): Promise<number> {
  const found: ChangeJson[] = [];
  for await (const change of client.lines('GET', `${containerPath(container)}/changes`))
    found.push(change as ChangeJson);
  found.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
  if (json) printLine(context, JSON.stringify(found, undefined, 2));
  else for (const { kind, path } of found) printLine(context, `${LETTERS[kind]} ${visible(path)}`);
  return 0;
}

/** What an export holds its container may have kept from others. */
const EXPORT_MODE = 0o600;

/** `isopod export` */
export async function exportCommand(
  context: CliContext,
  client: AgentClient,
  { container, output }: { readonly container: string; readonly output: string | undefined },
): Promise<number> {
  await checkOutput(context, output);
  const archive = await client.archive('GET', `${containerPath(container)}/export`);
  await writeOutput(context, output, toItsEnd(archive, `the export of ${container}`), EXPORT_MODE);
  return 0;
}

/** What `commit` may be told. */
export interface CommitOptions {
  readonly change?: readonly string[];
  readonly message?: string;
  readonly author?: string;
  readonly pause: boolean;
}

/** `isopod commit` */
export async function commitCommand(
  context: CliContext,
  client: AgentClient,
  {
    container,
    reference,
    ...options
  }: CommitOptions & { readonly container: string; readonly reference: string | undefined },
): Promise<number> {
  const { change = [], message, author, pause } = options;
  const request = { reference, changes: change, message, author, pause };
  const image = await client.call<ImageJson>('POST', `${containerPath(container)}/commit`, request);
  printLine(context, image.id);
  return 0;
}

const containerPath = (id: string): string => `/v1/containers/${encodeURIComponent(id)}`;
