import { isErrorOfKind } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors, EXIT_NOT_ALL } from './errors.ts';
import { formatAge, formatBytes, shorten, table } from './format.ts';
import type { ImageJson } from './image-commands.ts';
import { reportError } from './report-error.ts';
import { formatterOf } from './template/formatted.ts';
import { absoluteReference } from './values.ts';

/** `isopod tag` */
export async function tagCommand(
  context: CliContext,
  client: AgentClient,
  { image, names }: { readonly image: string; readonly names: readonly string[] },
): Promise<number> {
  for (const reference of names)
    await client.call<ImageJson>('POST', `${imagePath(context, image)}/tag`, { reference });
  return 0;
}

/** A step as the agent's JSON has it. */
interface StepJson {
  readonly createdAt: string | null;
  readonly createdBy: string;
  readonly comment: string;
  readonly layer: string | null;
  readonly sizeBytes: number;
}

const SHOWN_COMMAND = 45;

interface HistoryOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly trunc?: boolean;
  readonly format?: string;
}

/** `isopod history` */
export async function historyCommand(
  context: CliContext,
  client: AgentClient,
  { image, ...options }: HistoryOptions & { readonly image: string },
): Promise<number> {
  const formatter = options.format === undefined ? undefined : formatterOf(options.format);
  const steps = await client.call<readonly StepJson[]>('GET', `${imagePath(context, image)}/history`);
  if (options.json === true) printLine(context, JSON.stringify(steps, undefined, 2));
  else if (options.quiet === true) for (const { layer } of steps) printLine(context, layerText(layer, options.trunc));
  else if (formatter !== undefined) context.stdout.write(formatter(historyRows(steps, options.trunc !== false)));
  else context.stdout.write(historyTable(steps, { nowMs: Date.now(), trunc: options.trunc !== false }));
  return 0;
}

/** Steps as `--format` has them, called as Docker calls them. */
function historyRows(steps: readonly StepJson[], trunc: boolean): readonly object[] {
  return steps.map(({ createdAt, createdBy, comment, layer, sizeBytes }) => ({
    ...{ ID: layerText(layer, trunc), CreatedAt: createdAt ?? 'unknown', CreatedSince: ageText(createdAt, Date.now()) },
    ...{
      CreatedBy: trunc ? shorten(createdBy, SHOWN_COMMAND) : createdBy,
      Size: formatBytes(sizeBytes),
      Comment: comment,
    },
  }));
}

/** What `history` prints: one line per step, the last one first. */
export function historyTable(
  steps: readonly StepJson[],
  { nowMs, trunc }: { readonly nowMs: number; readonly trunc: boolean },
): string {
  const rows = steps.map(({ createdAt, createdBy, comment, layer, sizeBytes }) => [
    layerText(layer, trunc),
    ageText(createdAt, nowMs),
    trunc ? shorten(createdBy.replace(/\s+/g, ' '), SHOWN_COMMAND) : createdBy,
    formatBytes(sizeBytes),
    comment,
  ]);
  return table(['LAYER', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], rows);
}

/** `isopod image inspect`: a JSON list of everything that is known. */
export async function inspectImagesCommand(
  context: CliContext,
  client: AgentClient,
  { images, format }: { readonly images: readonly string[]; readonly format?: string | undefined },
): Promise<number> {
  return inspectEach(context, { names: images, format }, (text) => client.call('GET', imagePath(context, text)));
}

/** `isopod inspect`: containers, and images where no container has the name. */
export async function inspectCommand(
  context: CliContext,
  client: AgentClient,
  {
    names,
    type,
    format,
  }: {
    readonly names: readonly string[];
    readonly type: 'container' | 'image' | undefined;
    readonly format?: string | undefined;
  },
): Promise<number> {
  if (type === 'image') return inspectImagesCommand(context, client, { images: names, format });
  return inspectEach(context, { names, format }, async (name) => {
    const path = containerPath(name);
    try {
      return await client.call('GET', path);
    } catch (error) {
      if (type === 'container' || !isErrorOfKind(error, 'not-found')) throw error;
      return await imageInstead(context, client, name, error);
    }
  });
}

/** What is neither is told as a container that is not there. */
async function imageInstead(
  context: CliContext,
  client: AgentClient,
  name: string,
  missing: unknown,
): Promise<unknown> {
  try {
    return await client.call('GET', imagePath(context, name));
  } catch (error) {
    // A name of a container need not be one that an image can have.
    throw isErrorOfKind(error, 'not-found', 'invalid-argument') ? cliErrors.neither({ name }, missing) : error;
  }
}

async function inspectEach(
  context: CliContext,
  { names, format }: { readonly names: readonly string[]; readonly format: string | undefined },
  look: (name: string) => Promise<unknown>,
): Promise<number> {
  const formatter = format === undefined ? undefined : formatterOf(format);
  const found: unknown[] = [];
  let code = 0;
  for (const name of names) {
    try {
      found.push(await look(name));
    } catch (error) {
      reportError(context.stderr, error);
      code = EXIT_NOT_ALL;
    }
  }
  if (formatter === undefined) printLine(context, JSON.stringify(found, undefined, 2));
  else context.stdout.write(formatter(found));
  return code;
}

function imagePath({ cwd }: CliContext, text: string): string {
  return `/v1/images/${encodeURIComponent(absoluteReference(text, cwd))}`;
}

function layerText(layer: string | null, trunc = true): string {
  if (layer === null) return '<none>';
  return trunc ? layer.replace(/^sha256:/, '').slice(0, 12) : layer;
}

function ageText(createdAt: string | null, nowMs: number): string {
  const createdMs = createdAt === null ? Number.NaN : Date.parse(createdAt);
  return createdMs > 0 ? `${formatAge(nowMs - createdMs)} ago` : 'unknown';
}
