import type { LogEntry } from '../../io/cri-log.ts';
import { frameBytes, MAX_STREAM_DATA_BYTES } from '../../model/wire-codec.ts';
import { errorAnswer } from './status.ts';

export const NDJSON = 'application/x-ndjson';
/** Frames of docs/protocol.md (stdout, stderr), as a monitor sends them. */
export const FRAMES = 'application/vnd.isopod.frames';

/** A tar stream. */
export const ARCHIVE = 'application/x-tar';

/** One JSON value a line. An error after the first line is a last line `{"error": …}`. */
export async function* ndjson(values: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
  try {
    for await (const value of values) yield Buffer.from(`${JSON.stringify(value)}\n`);
  } catch (error) {
    yield Buffer.from(`${JSON.stringify({ error: errorAnswer(error).body })}\n`);
  }
}

/** Log entries as stream frames, each line with its line feed and, when asked for, its time before it. */
export async function* logFrames(entries: AsyncIterable<LogEntry>, timestamps: boolean): AsyncIterable<Uint8Array> {
  // A line that the monitor cut gets its time once, before its first part.
  const within = { stdout: false, stderr: false };
  for await (const entry of entries) {
    const isRaw = entry.time === '';
    const head = timestamps && !isRaw && !within[entry.stream] ? Buffer.from(`${entry.time} `) : Buffer.alloc(0);
    const tail = entry.complete ? Buffer.from('\n') : Buffer.alloc(0);
    within[entry.stream] = !entry.complete;
    yield* frames(entry.stream, Buffer.concat([head, entry.text, tail]));
  }
}

function* frames(stream: 'stdout' | 'stderr', data: Uint8Array): Iterable<Uint8Array> {
  for (let start = 0; start < data.length; start += MAX_STREAM_DATA_BYTES) {
    yield frameBytes(stream, { data: data.subarray(start, start + MAX_STREAM_DATA_BYTES) });
  }
}

/**
 * Values that a callback produces, as an iterable that ends with `work`. When the reader lags, the newest of each
 * key replaces the older one, so that memory stays bounded by the number of keys.
 */
export async function* progressOf<Value>(
  work: (report: (value: Value) => void) => Promise<Value>,
  keyOf: (value: Value) => string,
): AsyncIterable<Value> {
  const waiting = new Map<string, Value>();
  let wake: () => void = () => {};
  let finished = false;
  const result = work((value) => {
    waiting.set(keyOf(value), value);
    wake();
  }).finally(() => {
    finished = true;
    wake();
  });
  // The result is awaited below, after what is still waiting was given out.
  result.catch(() => {});
  while (!finished || waiting.size > 0) {
    const [key] = waiting.keys();
    if (key !== undefined) {
      const value = waiting.get(key) as Value;
      waiting.delete(key);
      yield value;
      continue;
    }
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  yield await result;
}
