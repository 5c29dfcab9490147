/** What a socket brings at once is 64 KiB; each piece costs a write of the disk and a turn of the decoder. */
const PIECE_BYTES = 128 * 1024;

/** The same bytes in fewer pieces. What has come waits for more only while more is there: of a slow source nothing is kept back. */
export async function* inLargePieces(
  source: AsyncIterable<Uint8Array>,
  pieceBytes: number = PIECE_BYTES,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = source[Symbol.asyncIterator]();
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const taken = (): Uint8Array => {
    const piece = waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting, bytes);
    waiting = [];
    bytes = 0;
    return piece;
  };
  let isReading = false;
  try {
    for (;;) {
      isReading = true;
      const coming = chunks.next();
      // A failure is thrown where it is awaited, after what came before it.
      coming.catch(() => {});
      if (bytes > 0 && (bytes >= pieceBytes || !(await isThere(coming)))) yield taken();
      const next = await coming.catch((error: unknown) => ({ error }));
      isReading = false;
      if ('error' in next || next.done === true) {
        if (bytes > 0) yield taken();
        if ('error' in next) throw next.error;
        return;
      }
      waiting.push(next.value);
      bytes += next.value.length;
    }
  } finally {
    const closed = chunks.return?.();
    closed?.catch(() => {});
    // A source that is being waited for closes when it has answered; whoever stops reading is not kept so long.
    if (!isReading) await closed;
  }
}

/** Whether something comes within a turn of the event loop. */
async function isThere(coming: Promise<unknown>): Promise<boolean> {
  const came = coming.then(
    () => true,
    () => true,
  );
  return await Promise.race([came, nextTurn()]);
}

function nextTurn(): Promise<false> {
  return new Promise((resolve) => setImmediate(() => resolve(false)));
}
