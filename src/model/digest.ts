import type { Brand } from '../base/brand.ts';
import { defineErrors } from './error.ts';

/** `sha256:` and 64 lower-case hex digits (OCI image-spec v1.1, descriptor.md, "Digests"). */
export type Digest = Brand<string, 'Digest'>;

export const digestErrors = defineErrors('digest', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { text: string }) => `digest ${JSON.stringify(d.text)} is not sha256: and 64 lower-case hex digits`,
  },
});

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** @throws {EngineError} `digest.malformed` (invalid-argument) */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw digestErrors.malformed({ text });
  return text;
}

/** The 64 hex digits alone, as file names use them. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
