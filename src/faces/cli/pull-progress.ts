import type { DockerHost } from '../../model/docker-host.ts';
import { EngineError, systemErrorCode } from '../../model/error.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import type { AgentClient } from './agent-client.ts';
import { cliErrors } from './errors.ts';
import { formatBytes, visible } from './format.ts';

/** What the agent's stream of a pull, a push or a copy holds, line by line. */
export interface PullLine {
  readonly progress?: {
    readonly kind: 'resolved' | 'layer' | 'done' | 'retry' | 'left' | 'warning';
    readonly reference?: string;
    readonly layers?: readonly { readonly digest: string; readonly sizeBytes: number }[];
    /** With `resolved`. */
    readonly otherPlatform?: { readonly image: string; readonly wanted: string };
    readonly digest?: string;
    readonly state?: 'exists' | 'fetching' | 'unpacked' | 'copied';
    readonly doneBytes?: number;
    /** With `retry` and `left`. */
    readonly reason?: string;
    readonly delayMs?: number;
    readonly attempt?: number;
    readonly attempts?: number;
    /** With `left`: the host that is asked instead. */
    readonly next?: string;
    /** With `warning`. */
    readonly message?: string;
  };
  readonly image?: PulledImage;
  readonly transferred?: { readonly digest: string; readonly target: string };
}

export interface PulledImage {
  readonly id: string;
  readonly references: readonly string[];
}

interface LayerRow {
  readonly digest: string;
  readonly sizeBytes: number;
  state: string;
  doneBytes: number;
}

const BAR_WIDTH = 30;
const STATE_TEXT: Readonly<Record<string, string>> = {
  waiting: 'waiting',
  exists: 'already here',
  fetching: 'fetching',
  unpacked: 'done',
  copied: 'done',
};

/** Pulls an image and shows how it goes: bars on a terminal, a line per change elsewhere. */
export async function pullWithProgress(
  client: AgentClient,
  wanted: {
    readonly reference: string;
    readonly platform?: string | undefined;
    readonly requireSignature?: boolean | undefined;
    readonly credential?: RegistryCredential | undefined;
    readonly dockerHost?: DockerHost | undefined;
    readonly to: NodeJS.WriteStream;
    /** Nobody else will tell that the image is for another platform. */
    readonly warns?: boolean;
  },
): Promise<PulledImage> {
  const { to, warns = false, ...body } = wanted;
  to.write(`pulling ${wanted.reference}\n`);
  const what = `the pull of ${wanted.reference}`;
  const { image } = await withProgress(client.lines('POST', '/v1/images/pull', body), { to, what, warns });
  if (image === undefined) throw new Error('the pull ended without an image');
  return image;
}

/**
 * Shows the lines of a pull, a push or a copy as they come. @returns the last one
 *
 * @throws {EngineError} what the agent says; `cli.answerCut` when it goes meanwhile
 */
export async function withProgress(
  lines: AsyncIterable<unknown>,
  {
    to,
    what,
    copies = false,
    warns = false,
  }: { readonly to: NodeJS.WriteStream; readonly what: string; readonly copies?: boolean; readonly warns?: boolean },
): Promise<PullLine> {
  const view = to.isTTY ? new BarView(to, copies) : new LineView(to, copies);
  let last: PullLine = {};
  for await (const line of uncut(lines, what)) {
    last = line as PullLine;
    const { progress } = last;
    if (progress?.kind === 'resolved') {
      if (warns && progress.otherPlatform !== undefined) to.write(otherPlatformText(progress));
      view.begin(progress.layers ?? []);
    }
    if (progress?.kind === 'retry') view.note(retryText(progress));
    if (progress?.kind === 'left') view.note(visible(`${progress.reason}; asking ${progress.next} instead`));
    if (progress?.kind === 'warning') view.note(visible(`warning: ${progress.message}`).replaceAll('\n', ' '));
    if (progress?.kind === 'layer') view.update(progress.digest ?? '', progress.state ?? '', progress.doneBytes ?? 0);
  }
  return last;
}

async function* uncut(lines: AsyncIterable<unknown>, what: string): AsyncIterable<unknown> {
  try {
    yield* lines;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw cliErrors.answerCut({ what, reason: systemErrorCode(error) ?? String(error) }, error);
  }
}

class LineView {
  readonly #to: NodeJS.WriteStream;
  readonly #shown = new Map<string, string>();

  readonly #copies: boolean;

  constructor(to: NodeJS.WriteStream, copies: boolean) {
    this.#to = to;
    this.#copies = copies;
  }

  begin(layers: readonly { readonly digest: string; readonly sizeBytes: number }[]): void {
    const noun = this.#copies ? 'blob' : 'layer';
    const bytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
    this.#to.write(`${layers.length} ${noun}${layers.length === 1 ? '' : 's'}, ${formatBytes(bytes)}\n`);
  }

  note(text: string): void {
    this.#to.write(`${text}\n`);
  }

  update(digest: string, state: string): void {
    if (this.#shown.get(digest) === state) return;
    this.#shown.set(digest, state);
    this.#to.write(`${shortDigest(digest)}: ${stateText(state, this.#copies)}\n`);
  }
}

/** One line per layer, drawn over again at each change. */
class BarView {
  readonly #to: NodeJS.WriteStream;
  #rows: LayerRow[] = [];

  readonly #copies: boolean;

  constructor(to: NodeJS.WriteStream, copies: boolean) {
    this.#to = to;
    this.#copies = copies;
  }

  begin(layers: readonly { readonly digest: string; readonly sizeBytes: number }[]): void {
    this.#rows = layers.map(({ digest, sizeBytes }) => ({ digest, sizeBytes, state: 'waiting', doneBytes: 0 }));
    for (const row of this.#rows) this.#to.write(`${drawRow(row, this.#copies)}\n`);
  }

  update(digest: string, state: string, doneBytes: number): void {
    const changed = this.#rows.filter((row) => row.digest === digest);
    for (const row of changed) Object.assign(row, { state, doneBytes });
    if (changed.length > 0) this.#redraw([]);
  }

  /** A line above the bars, which stays. */
  note(text: string): void {
    this.#redraw([text]);
  }

  /** Up to the first row; each line is cleared and written anew (ECMA-48 CUU and EL). */
  #redraw(above: readonly string[]): void {
    if (this.#rows.length > 0) this.#to.write(`\u001b[${this.#rows.length}A`);
    const lines = [...above, ...this.#rows.map((row) => drawRow(row, this.#copies))];
    for (const line of lines) this.#to.write(`\u001b[2K${line}\n`);
  }
}

function otherPlatformText({ reference = '', otherPlatform }: NonNullable<PullLine['progress']>): string {
  const { image = '', wanted = '' } = otherPlatform ?? {};
  return visible(`WARNING: ${reference} is for ${image}, and this machine is ${wanted}`).concat('\n');
}

/** `registry r.example answered HTTP 503; trying again in 2 s (2 of 6)` */
function retryText({ reason = '', delayMs = 0, attempt, attempts }: NonNullable<PullLine['progress']>): string {
  const seconds = delayMs >= 1000 ? Math.round(delayMs / 1000) : Math.ceil(delayMs / 100) / 10;
  return visible(`${reason}; trying again in ${seconds} s (${attempt} of ${attempts})`);
}

/** What goes elsewhere is not fetched, and the config goes with the layers. */
function stateText(state: string, copies: boolean): string {
  return copies && state === 'fetching' ? 'copying' : (STATE_TEXT[state] ?? state);
}

function drawRow({ digest, sizeBytes, state, doneBytes }: LayerRow, copies: boolean): string {
  const finished = state === 'exists' || state === 'unpacked' || state === 'copied';
  const part = finished ? 1 : Math.min(1, sizeBytes === 0 ? 0 : doneBytes / sizeBytes);
  const filled = Math.round(part * BAR_WIDTH);
  const bar = `${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}`;
  const size = formatBytes(sizeBytes).padStart(9);
  return `${shortDigest(digest)} [${bar}] ${size}  ${stateText(state, copies)}`;
}

function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
