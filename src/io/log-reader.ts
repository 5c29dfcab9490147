import { dirname } from 'node:path';
import type { Clock, Files } from '../base/effects.ts';
import { defineErrors } from '../model/error.ts';
import { type LogEntry, parseCriLine } from './cri-log.ts';
import { LineSplitter } from './line-splitter.ts';
import { RotatedFile } from './rotated-file.ts';

export const logErrors = defineErrors('log', {
  noTimes: {
    kind: 'invalid-argument',
    message: (d: { option: string }) => `${d.option} needs times, and a log in raw format keeps none`,
    remedy: () => 'run the container with the cri log format, or leave the option out',
  },
});

/** One log on disk: the file that is written now, and how to read it. */
export interface LogSource {
  readonly format: 'cri' | 'raw';
  readonly stream: 'both' | 'stdout' | 'stderr';
  readonly path: string;
}

export interface LogReadOptions {
  /** Only the last lines (of each file of a raw log); default all. */
  readonly tailLines?: number | undefined;
  /** Only what was written at this time or later; needs a CRI log. */
  readonly sinceMs?: number | undefined;
  /** Only what was written before this time, and following ends there; needs a CRI log. */
  readonly untilMs?: number | undefined;
  /** Go on until the container has ended and everything it wrote was read, or the signal aborts. */
  readonly follow?: { readonly ended: Promise<unknown>; readonly signal: AbortSignal } | undefined;
}

/** The monitor cuts lines at 16 KiB; a longer one was not written by it. */
const MAX_LINE_BYTES = 64 * 1024;
/** A change that the watch misses is seen this late. */
const POLL_MS = 1_000;

/**
 * The entries of a container's logs, oldest first; a raw log gives one entry per piece that was read.
 *
 * @throws {EngineError} `log.noTimes` (invalid-argument): `sinceMs` or `untilMs` for a raw log
 */
export async function* readLogs(
  ports: { readonly files: Files; readonly clock: Clock },
  sources: readonly LogSource[],
  options: LogReadOptions = {},
): AsyncIterable<LogEntry> {
  const bound = options.sinceMs !== undefined ? 'since' : options.untilMs !== undefined ? 'until' : undefined;
  if (bound !== undefined && sources.some((source) => source.format === 'raw'))
    throw logErrors.noTimes({ option: bound });
  const readers = sources.map((source) => new LogFileReader(ports.files, source));
  for (const reader of readers) await reader.seek(options.tailLines);
  const { follow } = options;
  if (follow === undefined) {
    for (const reader of readers) yield* within(reader.drain(), options);
    return;
  }
  const waiter = new ChangeWaiter(ports, [...new Set(sources.map((source) => dirname(source.path)))], {
    ...follow,
    untilMs: options.untilMs,
  });
  try {
    for (let last = false; ; ) {
      for (const reader of readers) yield* within(reader.drain(), options);
      if (last || follow.signal.aborted) return;
      last = await waiter.wait();
    }
  } finally {
    waiter.close();
  }
}

async function* within(
  entries: AsyncIterable<LogEntry>,
  { sinceMs, untilMs }: Pick<LogReadOptions, 'sinceMs' | 'untilMs'>,
): AsyncIterable<LogEntry> {
  if (sinceMs === undefined && untilMs === undefined) {
    yield* entries;
    return;
  }
  for await (const entry of entries) {
    const atMs = Date.parse(entry.time);
    if ((sinceMs === undefined || atMs >= sinceMs) && (untilMs === undefined || atMs < untilMs)) yield entry;
  }
}

class LogFileReader {
  readonly #source: LogSource;
  readonly #file: RotatedFile;
  readonly #lines = new LineSplitter(MAX_LINE_BYTES);

  constructor(files: Files, source: LogSource) {
    this.#source = source;
    this.#file = new RotatedFile(files, source.path);
  }

  seek(tailLines: number | undefined): Promise<void> {
    return this.#file.seek(tailLines);
  }

  async *drain(): AsyncIterable<LogEntry> {
    for await (const chunk of this.#file.drain()) yield* this.#entries(chunk);
  }

  *#entries(chunk: Uint8Array): Iterable<LogEntry> {
    if (this.#source.format === 'raw') {
      const stream = this.#source.stream === 'stderr' ? 'stderr' : 'stdout';
      yield { stream, time: '', complete: false, text: chunk };
      return;
    }
    for (const line of this.#lines.push(chunk)) {
      const entry = parseCriLine(line);
      if (entry !== undefined) yield entry;
    }
  }
}

/** Waits for the next change of the log directories, or for the end of the container. */
class ChangeWaiter {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #changed = false;
  #ended = false;
  #wake: () => void = () => {};
  readonly #cancelEnd: () => void;

  constructor(
    ports: { readonly files: Files; readonly clock: Clock },
    directories: readonly string[],
    follow: NonNullable<LogReadOptions['follow']> & Pick<LogReadOptions, 'untilMs'>,
  ) {
    this.#clock = ports.clock;
    const note = (): void => {
      this.#changed = true;
      this.#wake();
    };
    for (const directory of directories) ports.files.watch(directory, note, this.#stop.signal);
    const end = (): void => {
      this.#ended = true;
      note();
    };
    follow.ended.then(end, end);
    const { untilMs } = follow;
    this.#cancelEnd =
      untilMs === undefined ? () => {} : this.#clock.after(Math.max(0, untilMs - this.#clock.nowMs()), end);
    if (follow.signal.aborted) end();
    else follow.signal.addEventListener('abort', end, { once: true, signal: this.#stop.signal });
  }

  /** @returns whether the container has ended, so that the next reading is the last */
  async wait(): Promise<boolean> {
    if (!this.#changed) {
      const sleep = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, this.#clock.sleep(POLL_MS, sleep.signal).catch(() => {})]);
      sleep.abort();
    }
    this.#changed = false;
    return this.#ended;
  }

  close(): void {
    this.#cancelEnd();
    this.#stop.abort();
  }
}
