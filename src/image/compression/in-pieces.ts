import { ByteQueue, type Decoding } from './byte-queue.ts';
import { DecodeError } from './errors.ts';

/**
 * Runs a decoder of ours on a stream. It works on this thread, so the event loop gets its turn after every piece of
 * output and wherever a decoder pauses.
 *
 * @throws {DecodeError} what the decoder throws, unless the source's own verdict at its end is worse
 */
export async function* inPieces(
  source: AsyncIterable<Uint8Array>,
  decoder: (input: ByteQueue) => Decoding,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ByteQueue();
  const decoding = decoder(input);
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = decoding.next();
      if (step.done === true) return;
      if (step.value !== 'more') {
        if (step.value !== 'pause') yield step.value;
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const chunk = await chunks.next();
      if (chunk.done === true) input.ended = true;
      else input.add(chunk.value);
    }
  } catch (error) {
    // Bytes that changed on the way are why they do not decode: what the source says of them is the cause.
    if (error instanceof DecodeError) while ((await chunks.next()).done !== true);
    throw error;
  } finally {
    await chunks.return?.();
  }
}
