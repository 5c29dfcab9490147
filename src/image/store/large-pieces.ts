/** What a socket brings at once is 64 KiB; each piece costs a write of the disk and a turn of the decoder. */
const PIECE_BYTES = 512 * 1024;

/** The same bytes in fewer pieces. What has come before the source fails or ends is passed on first. */
export async function* inLargePieces(
  source: AsyncIterable<Uint8Array>,
  pieceBytes: number = PIECE_BYTES,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const taken = (): Uint8Array => {
    const piece = waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting, bytes);
    waiting = [];
    bytes = 0;
    return piece;
  };
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const chunk of source) {
      waiting.push(chunk);
      bytes += chunk.length;
      if (bytes >= pieceBytes) yield taken();
    }
  } catch (error) {
    failure = { error };
  }
  if (bytes > 0) yield taken();
  if (failure !== undefined) throw failure.error;
}
