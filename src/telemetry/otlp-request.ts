import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { SendOutcome } from './span-exporter.ts';
import type { TraceSettings } from './trace-settings.ts';

/** Answers that mean: later (the specification of OTLP/HTTP, "Failures"). */
const TRY_AGAIN = new Set([429, 502, 503, 504]);

/** Posts a body to the collector. Rejects when it cannot be reached, or takes longer than it may. */
export function postTraces(
  { url, headers, timeoutMs }: Pick<TraceSettings, 'url' | 'headers' | 'timeoutMs'>,
  body: string,
): Promise<SendOutcome> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const options = {
      ...{ method: 'POST', agent: false, signal: AbortSignal.timeout(timeoutMs) },
      headers: { ...headers, 'content-type': 'application/json', 'content-length': bytes.length },
    };
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const sent = send(url, options, (response) => {
      const { statusCode = 0 } = response;
      response.on('error', reject);
      response.resume();
      response.on('end', () => {
        if (statusCode >= 200 && statusCode < 300) resolve('taken');
        else resolve(TRY_AGAIN.has(statusCode) ? 'try again' : 'refused');
      });
    });
    sent.on('error', reject);
    sent.end(bytes);
  });
}
