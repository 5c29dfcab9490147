import type { AgentClient } from './agent-client.ts';
import { forEach } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { formatAge, formatBytes, table } from './format.ts';
import { pullWithProgress } from './pull-progress.ts';
import { absoluteReference } from './values.ts';

/** An image as the agent's JSON has it. */
export interface ImageJson {
  readonly id: string;
  readonly references: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: string | null;
  readonly platform: string;
}

/** `isopod images` */
export async function imagesCommand(
  context: CliContext,
  client: AgentClient,
  options: { readonly quiet?: boolean; readonly json?: boolean },
): Promise<number> {
  const images = await client.call<readonly ImageJson[]>('GET', '/v1/images');
  if (options.json === true) printLine(context, JSON.stringify(images, undefined, 2));
  else if (options.quiet === true) for (const { id } of images) printLine(context, id);
  else context.stdout.write(imageTable(images, Date.now()));
  return 0;
}

/** What `images` prints: one line per reference. */
export function imageTable(images: readonly ImageJson[], nowMs: number): string {
  const rows = images.flatMap((image) => {
    const references = image.references.length === 0 ? ['<none>'] : image.references;
    const created = createdText(image.createdAt, nowMs);
    const id = image.id.replace(/^sha256:/, '').slice(0, 12);
    return references.map((reference) => [reference, id, image.platform, created, formatBytes(image.sizeBytes)]);
  });
  return table(['REFERENCE', 'ID', 'PLATFORM', 'CREATED', 'SIZE'], rows);
}

/** A time from before images were made (tools that build reproducibly write year 1 or 1970) tells nothing. */
function createdText(createdAt: string | null, nowMs: number): string {
  const createdMs = createdAt === null ? Number.NaN : Date.parse(createdAt);
  return createdMs > 0 ? `${formatAge(nowMs - createdMs)} ago` : 'unknown';
}

/** `isopod pull` */
export async function pullCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly reference: string;
    readonly platform: string | undefined;
    readonly requireSignature: boolean | undefined;
    readonly quiet: boolean;
  },
): Promise<number> {
  const reference = absoluteReference(input.reference, context.cwd);
  const to = input.quiet ? nowhere(context) : context.stderr;
  const { credentialForImage } = await import('./registry/credentials.ts');
  const credential = await credentialForImage(context, reference);
  const { platform, requireSignature } = input;
  const image = await pullWithProgress(client, { reference, platform, requireSignature, credential, to });
  printLine(context, image.id);
  return 0;
}

/** What went, as the agent's JSON has it. */
interface Removed {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
}

function removedLines({ untagged, deleted }: Removed): readonly string[] {
  return [...untagged.map((name) => `untagged ${name}`), ...deleted.map((id) => `deleted ${id}`)];
}

/** `isopod rmi` */
export function removeImageCommand(
  context: CliContext,
  client: AgentClient,
  references: readonly string[],
): Promise<number> {
  return forEach(context, references, async (text) => {
    const reference = absoluteReference(text, context.cwd);
    const removed = await client.call<Removed>('DELETE', `/v1/images/${encodeURIComponent(reference)}`);
    return removedLines(removed).join('\n');
  });
}

function nowhere(context: CliContext): NodeJS.WriteStream {
  return Object.assign(Object.create(context.stderr), { isTTY: false, write: () => true });
}
