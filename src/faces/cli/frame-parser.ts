import type { Frame } from '../../base/effects.ts';
import { MAX_PAYLOAD_BYTES } from '../../model/wire.ts';
import { cliErrors } from './errors.ts';

const HEADER_BYTES = 8;

/** Cuts a byte stream into frames (docs/protocol.md). */
export class FrameParser {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the frames that this chunk completes. @throws {EngineError} `cli.agentBroken` for an oversized one */
  push(chunk: Buffer): readonly Frame[] {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    let start = 0;
    while (buffer.length - start >= HEADER_BYTES) {
      const length = buffer.readUInt32LE(start);
      if (length > MAX_PAYLOAD_BYTES) throw cliErrors.agentBroken({ what: `a frame of ${length} bytes` });
      const end = start + HEADER_BYTES + length;
      if (buffer.length < end) break;
      frames.push({ type: buffer.readUInt8(start + 4), payload: buffer.subarray(start + HEADER_BYTES, end) });
      start = end;
    }
    this.#rest = buffer.subarray(start);
    return frames;
  }
}
