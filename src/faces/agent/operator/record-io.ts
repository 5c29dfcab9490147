import { operatorErrors } from './errors.ts';

/** A record that is longer is no call of ours; output is cut into far shorter ones. */
const MAX_RECORD_BYTES = 1 << 20;
const LINE_FEED = 0x0a;
/** Digits of the longest length. */
const MAX_LENGTH_DIGITS = String(MAX_RECORD_BYTES).length;

/** One record of RecordIO: its length in decimal, a line feed, its bytes. */
export function encodeRecord(record: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${record.length}\n`), record]);
}

/** Cuts a byte stream into records; where chunks end means nothing. */
export class RecordParser {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the records that this chunk completes. @throws {EngineError} `operator.badRecord` (invalid-argument) */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    let buffer = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const records: Uint8Array[] = [];
    for (;;) {
      const lineEnd = buffer.indexOf(LINE_FEED);
      if (lineEnd < 0 && buffer.length <= MAX_LENGTH_DIGITS) break;
      const begin = lineEnd + 1;
      const end = begin + parseLength(buffer.subarray(0, lineEnd < 0 ? buffer.length : lineEnd));
      if (buffer.length < end) break;
      records.push(buffer.subarray(begin, end));
      buffer = buffer.subarray(end);
    }
    this.#rest = buffer;
    return records;
  }

  /** @throws {EngineError} `operator.badRecord`: the stream ended within a record */
  end(): void {
    if (this.#rest.length > 0) throw operatorErrors.badRecord({ reason: 'the stream ends within a record' });
  }
}

function parseLength(digits: Uint8Array): number {
  const text = Buffer.from(digits.subarray(0, MAX_LENGTH_DIGITS + 1)).toString('latin1');
  const length = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(length <= MAX_RECORD_BYTES)) {
    throw operatorErrors.badRecord({ reason: `${JSON.stringify(text)} is no length of at most ${MAX_RECORD_BYTES}` });
  }
  return length;
}
