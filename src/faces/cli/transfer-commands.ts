import type { AgentClient } from './agent-client.ts';
import { toItsEnd } from './archive-cut.ts';
import { type CliContext, printLine } from './context.ts';
import { callersDockerHost } from './docker-engine.ts';
import { cliErrors } from './errors.ts';
import type { ImageJson } from './image-commands.ts';
import { checkOutput, openInput, writeOutput } from './local-file.ts';
import { withProgress } from './pull-progress.ts';
import { credentialForImage } from './registry/credentials.ts';
import { absoluteReference } from './values.ts';

const ARCHIVE = 'application/x-tar';

/** `isopod push` */
export async function pushCommand(
  context: CliContext,
  client: AgentClient,
  input: { readonly image: string; readonly target: string | undefined; readonly quiet: boolean },
): Promise<number> {
  const { image, quiet } = input;
  const target = input.target === undefined ? undefined : absoluteReference(input.target, context.cwd);
  const credential = await credentialOf(context, target ?? image);
  const dockerHost = target === undefined ? undefined : callersDockerHost(context, [target]);
  const body = { image, target, credential, dockerHost };
  return transfer(context, client, { path: '/v1/images/push', body, what: `the push of ${image}`, quiet });
}

/** `isopod copy` */
export async function copyImageCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly source: string;
    readonly target: string;
    readonly all: boolean;
    readonly platform?: string;
    readonly requireSignature?: boolean;
    readonly quiet: boolean;
  },
): Promise<number> {
  const { all, platform, requireSignature, quiet } = input;
  const source = absoluteReference(input.source, context.cwd);
  const target = absoluteReference(input.target, context.cwd);
  const sourceCredential = await credentialOf(context, source);
  const targetCredential = await credentialOf(context, target);
  const dockerHost = callersDockerHost(context, [source, target]);
  const body = { source, target, all, platform, requireSignature, sourceCredential, targetCredential, dockerHost };
  return transfer(context, client, { path: '/v1/images/copy', body, what: `the copy of ${input.source}`, quiet });
}

/** `isopod save` */
export async function saveCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly images: readonly string[];
    readonly output: string | undefined;
    readonly format: string | undefined;
    readonly platform: string | undefined;
  },
): Promise<number> {
  const { images, output, format, platform } = input;
  await checkOutput(context, output);
  const body = { images: images.map((text) => absoluteReference(text, context.cwd)), format, platform };
  const archive = await client.archive('POST', '/v1/images/save', body);
  await writeOutput(context, output, toItsEnd(archive, `saving ${images.join(', ')}`));
  return 0;
}

/** `isopod load` */
export async function loadCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly file: string | undefined;
    readonly input?: string;
    readonly platform?: string;
    readonly requireSignature?: boolean;
    readonly quiet: boolean;
  },
): Promise<number> {
  const { file, input: named = file } = input;
  if (file !== undefined && named !== file) throw cliErrors.twoInputs({ file, input: named ?? file });
  const archive = await openInput(context, named);
  const query = queryOf({
    platform: input.platform,
    ...(input.requireSignature === true ? { requireSignature: 'true' } : {}),
    shownAs: named === undefined || named === '-' ? 'standard input' : named,
  });
  const images = await client.upload<readonly ImageJson[]>(`/v1/images/load?${query}`, ARCHIVE, archive);
  for (const { id, references } of images) {
    if (input.quiet || references.length === 0) printLine(context, id);
    else for (const reference of references) printLine(context, reference);
  }
  return 0;
}

/** `isopod import` */
export async function importCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly source: string;
    readonly reference: string | undefined;
    readonly changes: readonly string[];
    readonly message: string | undefined;
    readonly platform: string | undefined;
  },
): Promise<number> {
  const { source, reference, changes, message, platform } = input;
  const archive = await openInput(context, source);
  const query = queryOf({ reference, message, platform, changes: JSON.stringify(changes) });
  const { id } = await client.upload<ImageJson>(`/v1/images/import?${query}`, ARCHIVE, archive);
  printLine(context, id);
  return 0;
}

async function transfer(
  context: CliContext,
  client: AgentClient,
  one: { readonly path: string; readonly body: object; readonly what: string; readonly quiet: boolean },
): Promise<number> {
  const { path, body, what, quiet } = one;
  const to = quiet ? nowhere(context) : context.stderr;
  const { transferred } = await withProgress(client.lines('POST', path, body), { to, what, copies: true });
  if (transferred === undefined) throw new Error('the copy ended without a digest');
  printLine(context, transferred.digest);
  return 0;
}

/** An id names no registry, and may be given for an image of the store. */
async function credentialOf(context: CliContext, text: string): ReturnType<typeof credentialForImage> {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined;
  return credentialForImage(context, text);
}

function queryOf(values: Readonly<Record<string, string | undefined>>): string {
  const said = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(said).toString();
}

function nowhere(context: CliContext): NodeJS.WriteStream {
  return Object.assign(Object.create(context.stderr), { isTTY: false, write: () => true });
}
