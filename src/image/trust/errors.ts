import { defineErrors } from '../../model/error.ts';

export const trustErrors = defineErrors('trust', {
  malformedPolicy: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `the trust policy ${d.path} is malformed: ${d.reason}`,
    remedy: () => 'mend it: until then no image is pulled; docs/images/trust.md describes the format',
  },
  unreadablePolicy: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `the trust policy ${d.path} cannot be read: ${d.reason}`,
    remedy: () => 'put it there, or start the agent without --trust-policy',
  },
  unusableKey: {
    kind: 'failed-precondition',
    message: (d: { what: string; reason: string }) => `${d.what} of the trust policy cannot be used: ${d.reason}`,
  },
  unreadableLookaside: {
    kind: 'unavailable',
    message: (d: { url: string; status: number }) => `the lookaside of signatures answers ${d.status} for ${d.url}`,
  },
  badRegistriesFile: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) =>
      `${d.path}, which says where signatures lie, is refused: ${d.reason}`,
    remedy: () => 'mend it, or name the lookaside in the policy; docs/images/trust.md says what is read of it',
  },
  refused: {
    kind: 'permission-denied',
    message: (d: { image: string; scope: string }) => `image ${d.image} is refused by the trust policy for ${d.scope}`,
    remedy: () => 'take another image, or have the policy changed',
  },
  nothingSigns: {
    kind: 'permission-denied',
    message: (d: { image: string; scope: string }) =>
      `a signature of ${d.image} is asked for, but the trust policy for ${d.scope} says of no key that it may sign`,
    remedy: () => 'add a signedBy or sigstoreSigned requirement for it to the trust policy',
  },
  unsigned: {
    kind: 'permission-denied',
    message: (d: { image: string; scope: string; digests: readonly string[]; lookedAt: readonly string[] }) =>
      `the trust policy for ${d.scope} wants a signature of ${d.image}, and there is none of ${d.digests.join(' or ')}; looked at ${d.lookedAt.join(', ')}`,
    remedy: () => 'have the image signed, or have the policy changed',
  },
  untrusted: {
    kind: 'permission-denied',
    message: (d: { image: string; scope: string; reasons: readonly string[] }) =>
      `no signature of ${d.image} is good enough for the trust policy for ${d.scope}: ${d.reasons.join('; ')}`,
    remedy: () => 'have the image signed by one whom the policy names; do not use it before that',
  },
});
