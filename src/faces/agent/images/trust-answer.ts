import { z } from 'zod';
import type { TrustVerdict } from '../../../model/trust-verdict.ts';

const text = z.string();
const signerAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('gpg'), fingerprint: text.describe('of the primary key') }),
  z.object({ kind: z.literal('key'), keyDigest: text.describe('SHA-256 of the public key as DER') }),
  z.object({ kind: z.literal('certificate'), subject: text, issuer: text }),
]);

export const trustAnswer = z
  .object({
    decision: z
      .enum(['signed', 'accepted-unsigned', 'not-judged'])
      .describe('not-judged: made here, part of isopod, or taken in by a version that kept no verdict'),
    judgedAt: text.nullable().describe('ISO 8601'),
    scope: text.nullable().describe('of the trust policy, whose requirements the image met'),
    signatures: z.array(
      z.object({
        requirement: z.enum(['signedBy', 'sigstoreSigned']),
        signer: signerAnswer,
        digest: text.describe('of the manifest or index that was signed'),
        reference: text.nullable().describe('the name that the signer gave it'),
        where: text,
      }),
    ),
  })
  .describe('what the trust policy found when the image last came');

/** What the trust policy found of an image. Pure. */
export function trustJson(verdict: TrustVerdict | undefined): z.output<typeof trustAnswer> {
  if (verdict === undefined) return { decision: 'not-judged', judgedAt: null, scope: null, signatures: [] };
  const { judgedAtMs, scope, signatures } = verdict;
  return {
    decision: signatures.length > 0 ? 'signed' : 'accepted-unsigned',
    judgedAt: new Date(judgedAtMs).toISOString(),
    scope,
    signatures: signatures.map(({ reference = null, ...signature }) => ({ ...signature, reference })),
  };
}
