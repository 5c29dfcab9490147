/** One line of a log, without its line feed when `complete` is false (a part of a longer line). */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  /** As written in the file: RFC 3339 with nanoseconds, UTC. Empty in a raw log, which keeps no times. */
  readonly time: string;
  readonly complete: boolean;
  readonly text: Uint8Array;
}

const SPACE = 0x20;
const PARTIAL = 0x50;

/**
 * Parses one line of a CRI log, `TIME STREAM TAG TEXT` without its line feed (Kubernetes, kubelet-cri-logging.md).
 *
 * @returns `undefined` for a line that is none, for example one torn by a power cut
 */
export function parseCriLine(line: Uint8Array): LogEntry | undefined {
  const timeEnd = line.indexOf(SPACE);
  const streamEnd = line.indexOf(SPACE, timeEnd + 1);
  const tagEnd = line.indexOf(SPACE, streamEnd + 1);
  if (timeEnd <= 0 || streamEnd <= timeEnd || tagEnd <= streamEnd) return undefined;
  const stream = ascii(line, timeEnd + 1, streamEnd);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const time = ascii(line, 0, timeEnd);
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time)) return undefined;
  return { stream, time, complete: line[streamEnd + 1] !== PARTIAL, text: line.subarray(tagEnd + 1) };
}

function ascii(line: Uint8Array, start: number, end: number): string {
  return Buffer.from(line.buffer, line.byteOffset + start, end - start).toString('latin1');
}
