import type { ClientRequest, IncomingMessage } from 'node:http';

/**
 * Sends the source as the body of a request, no faster than it is taken. An answer that comes earlier ends it: what is refused need not
 * be sent to its end.
 */
export async function sendUpload(sent: ClientRequest, source: AsyncIterable<Uint8Array>): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
  });
  let isOver = false;
  const over = answered.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  try {
    for await (const chunk of source) {
      if (isOver) break;
      if (!sent.write(chunk)) await Promise.race([new Promise((resolve) => sent.once('drain', resolve)), over]);
    }
  } catch (error) {
    // A body that ends here would pass for a whole one.
    sent.destroy();
    throw error;
  }
  if (!isOver) sent.end();
  return answered;
}
