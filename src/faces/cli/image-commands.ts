import { isErrorOfKind } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { EXIT_NOT_ALL } from './errors.ts';
import { pullWithProgress } from './pull-progress.ts';
import { reportError } from './report-error.ts';
import { absoluteReference } from './values.ts';

/** An image as the agent's JSON has it. */
export interface ImageJson {
  readonly id: string;
  readonly references: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: string | null;
  readonly platform: string;
  readonly manifestDigest?: string;
  readonly manifestDigests?: Readonly<Record<string, string>>;
  readonly config?: { readonly labels?: Readonly<Record<string, string>> };
}

interface PullInput {
  readonly platform: string | undefined;
  readonly requireSignature: boolean | undefined;
  readonly quiet: boolean;
}

/** `isopod pull`. One that fails is told, and the others come all the same. */
export async function pullCommand(
  context: CliContext,
  client: AgentClient,
  input: PullInput & { readonly references: readonly string[] },
): Promise<number> {
  const [only, ...others] = input.references;
  if (only !== undefined && others.length === 0) return pullOne(context, client, only, input);
  let code = 0;
  for (const text of input.references) {
    try {
      await pullOne(context, client, text, input);
    } catch (error) {
      reportError(context.stderr, error);
      code = EXIT_NOT_ALL;
    }
  }
  return code;
}

async function pullOne(context: CliContext, client: AgentClient, text: string, input: PullInput): Promise<number> {
  const reference = absoluteReference(text, context.cwd);
  const to = input.quiet ? nowhere(context) : context.stderr;
  const { credentialForImage } = await import('./registry/credentials.ts');
  const credential = await credentialForImage(context, reference);
  const { platform, requireSignature } = input;
  const { callersDockerHost } = await import('./docker-engine.ts');
  const dockerHost = callersDockerHost(context, [reference]);
  const asked = { reference, platform, requireSignature, credential, dockerHost };
  const image = await pullWithProgress(client, { ...asked, to, warns: true });
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

/** `isopod rmi`. With `force` one that is not here is told, and no failure: it is to be gone, and it is. */
export async function removeImageCommand(
  context: CliContext,
  client: AgentClient,
  { images, force }: { readonly images: readonly string[]; readonly force: boolean },
): Promise<number> {
  let code = 0;
  for (const text of images) {
    try {
      const path = `/v1/images/${encodeURIComponent(absoluteReference(text, context.cwd))}`;
      const removed = await client.call<Removed>('DELETE', force ? `${path}?force=true` : path);
      for (const line of removedLines(removed)) printLine(context, line);
    } catch (error) {
      reportError(context.stderr, error);
      if (!(force && isErrorOfKind(error, 'not-found'))) code = EXIT_NOT_ALL;
    }
  }
  return code;
}

/** `isopod image exists`: what a script asks before it pulls. */
export async function imageExistsCommand(context: CliContext, client: AgentClient, text: string): Promise<number> {
  try {
    await client.call('GET', `/v1/images/${encodeURIComponent(absoluteReference(text, context.cwd))}`);
    return 0;
  } catch (error) {
    if (!isErrorOfKind(error, 'not-found')) throw error;
    return EXIT_NOT_ALL;
  }
}

function nowhere(context: CliContext): NodeJS.WriteStream {
  return Object.assign(Object.create(context.stderr), { isTTY: false, write: () => true });
}
