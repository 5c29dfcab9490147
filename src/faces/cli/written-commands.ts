import { resolve } from 'node:path';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { visible } from './format.ts';
import type { ImageJson } from './image-commands.ts';

export const exportErrors = defineErrors('cli-export', {
  terminal: {
    kind: 'invalid-argument',
    message: () => 'an archive would be written to a terminal',
    remedy: () => 'name a file: isopod export -o FILE CONTAINER, or send it to tar',
  },
  cut: {
    kind: 'unavailable',
    message: (d: { container: string }) => `the export of ${d.container} broke off`,
    remedy: () => 'what has come so far is no whole archive; agent.log in the state directory tells why',
  },
  notWritten: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `${d.path} cannot be written: ${d.reason}`,
  },
});

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

/** `isopod export` */
export async function exportCommand(
  context: CliContext,
  client: AgentClient,
  { container, output }: { readonly container: string; readonly output: string | undefined },
): Promise<number> {
  if (output === undefined && context.stdout.isTTY) throw exportErrors.terminal();
  const archive = toItsEnd(await client.stream('GET', `${containerPath(container)}/export`), container);
  if (output === undefined) {
    for await (const chunk of archive) {
      if (!context.stdout.write(chunk)) await new Promise((drained) => context.stdout.once('drain', drained));
    }
    return 0;
  }
  const path = resolve(context.cwd, output);
  try {
    await context.localFiles.write(path, archive);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw exportErrors.notWritten({ path, reason: (error as Error).message }, error);
  }
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

/** A stream that is cut has no end of an archive. */
async function* toItsEnd(stream: AsyncIterable<Uint8Array>, container: string): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw exportErrors.cut({ container }, error);
  }
}
