import { EngineError, systemErrorCode } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { cliErrors } from './errors.ts';
import { FrameParser } from './frame-parser.ts';
import { outputOf } from './stream-client.ts';

export interface LogPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

/** Connections that break one after the other without a single new line between them. */
const MAX_BARREN_TRIES = 20;
const PAUSE_MS = 50;
const LINE_FEED = 10;
const SPACE = 32;
/** The connection broke while its answer arrived. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ABORT_ERR']);

/**
 * A container's log until the container has ended, whatever becomes of the agents meanwhile: what one that was killed
 * did not send is asked of the next. A log in raw format keeps no times, so there a broken connection is an error.
 *
 * @param path of the container, for example `/v1/containers/c`
 * @param query `tail`, `sinceMs` and `untilMs` where asked for; `timestamps` when each line shall begin with its time
 * @throws {EngineError} `cli.agentGone`, and what the agent says
 */
export async function* followLog(
  client: Pick<AgentClient, 'call' | 'stream'>,
  path: string,
  query: URLSearchParams,
): AsyncIterable<LogPiece> {
  const position = new LogPosition(query);
  for (let barren = 0; ; barren += 1) {
    try {
      for await (const piece of position.unseen(await open(client, `${path}/logs?${position.query()}`, position))) {
        barren = 0;
        yield piece;
      }
      if (position.isOver(Date.now()) || (await hasEnded(client, path))) return;
    } catch (error) {
      const code = systemErrorCode(error) ?? '';
      if (!BROKEN.has(code)) throw error;
      if (!position.isTimed || barren >= MAX_BARREN_TRIES) throw cliErrors.followBroken({ path, reason: code }, error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function open(
  client: Pick<AgentClient, 'stream'>,
  url: string,
  position: LogPosition,
): Promise<AsyncIterable<Buffer>> {
  try {
    return await client.stream('GET', url);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'log.noTimes' || !position.giveUpTimes()) throw error;
    return client.stream('GET', url.replace(/&?timestamps=true/, ''));
  }
}

/** An agent that stops in order ends its answers in order, too. */
async function hasEnded(client: Pick<AgentClient, 'call'>, path: string): Promise<boolean> {
  try {
    const { termination } = await client.call<{ readonly termination: unknown }>('GET', `${path}/wait?timeoutMs=0`);
    return termination !== null;
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'not-found') return true;
    throw error;
  }
}

/**
 * How far a log was read: pieces come in the order of the file, so the millisecond of the newest line and the number
 * of pieces since its first one are enough to go on from there.
 */
class LogPosition {
  readonly #wanted: URLSearchParams;
  #isTimed = true;
  #sinceMs: number | undefined;
  #seen = 0;

  constructor(query: URLSearchParams) {
    this.#wanted = query;
  }

  get isTimed(): boolean {
    return this.#isTimed;
  }

  /** Whether nothing can come any more that was asked for. */
  isOver(nowMs: number): boolean {
    const untilMs = this.#wanted.get('untilMs');
    return untilMs !== null && nowMs >= Number(untilMs);
  }

  /** @returns false when the caller wants the times himself */
  giveUpTimes(): boolean {
    this.#isTimed = false;
    return ['timestamps', 'sinceMs', 'untilMs'].every((name) => !this.#wanted.has(name));
  }

  query(): URLSearchParams {
    const query = new URLSearchParams(this.#wanted);
    query.set('follow', 'true');
    if (this.#isTimed) query.set('timestamps', 'true');
    if (this.#sinceMs === undefined) return query;
    query.delete('tail');
    query.set('sinceMs', String(this.#sinceMs));
    return query;
  }

  /** The pieces that were not given out before, their times taken off unless they are wanted. */
  async *unseen(chunks: AsyncIterable<Buffer>): AsyncIterable<LogPiece> {
    const parser = new FrameParser();
    const within = { stdout: false, stderr: false };
    let toSkip = this.#seen;
    for await (const chunk of chunks) {
      for (const frame of parser.push(chunk)) {
        const piece = outputOf(frame);
        if (piece === undefined) continue;
        const { stream, data } = piece;
        const head = this.#isTimed && !within[stream] ? data.indexOf(SPACE) + 1 : 0;
        within[stream] = data.at(-1) !== LINE_FEED;
        if (toSkip > 0) {
          toSkip -= 1;
          continue;
        }
        if (head > 0) this.#advance(Date.parse(Buffer.from(data.subarray(0, head - 1)).toString('latin1')));
        this.#seen += 1;
        yield { stream, data: this.#wanted.has('timestamps') ? data : data.subarray(head) };
      }
    }
  }

  #advance(atMs: number): void {
    if (Number.isNaN(atMs) || (this.#sinceMs !== undefined && atMs <= this.#sinceMs)) return;
    this.#sinceMs = atMs;
    this.#seen = 0;
  }
}
