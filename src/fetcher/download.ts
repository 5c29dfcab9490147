import { createHash } from 'node:crypto';
import type { Files } from '../base/effects.ts';
import { shown, type WebClient } from '../image/web/web-client.ts';
import type { Digest } from '../model/digest.ts';
import { systemErrorCode } from '../model/error.ts';
import { fetcherErrors } from './errors.ts';

export interface Download {
  readonly url: URL;
  /** What its bytes must be. */
  readonly digest: Digest | undefined;
  readonly maxBytes: number;
  readonly directory: string;
  /** Its name there, once it is whole and right. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Downloads a file into a directory of ours. @returns its size and digest; nothing is left when it throws */
export async function download(
  { files, web }: { readonly files: Files; readonly web: WebClient },
  { url, digest, maxBytes, directory, name, signal }: Download,
): Promise<{ readonly sizeBytes: number; readonly digest: Digest }> {
  const response = await web.get(url, signal);
  if (response.status !== 200) {
    response.discard();
    const details = { url: shown(url), status: response.status };
    throw response.status === 404 || response.status === 410
      ? fetcherErrors.missing(details)
      : fetcherErrors.answered(details);
  }
  const writer = await files.openWriter(directory);
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of response.body(maxBytes)) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      await writer.write(chunk);
    }
    const actual = `sha256:${hash.digest('hex')}` as Digest;
    if (digest !== undefined && digest !== actual) {
      throw fetcherErrors.wrongDigest({ what: shown(url), expected: digest, actual });
    }
    await writer.commit(`${directory}/${name}`, 'volatile');
    return { sizeBytes, digest: actual };
  } catch (error) {
    response.discard();
    const code = systemErrorCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw fetcherErrors.diskFull({ directory, url: shown(url) }, error);
    throw error;
  } finally {
    await writer.abort();
  }
}
