import { defineErrors } from './error.ts';
import type { UserRequest } from './launch-plan.ts';

export const userErrors = defineErrors('user', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { text: string }) => `user ${JSON.stringify(d.text)} is not name[:group], uid[:gid] or :group`,
    remedy: () => 'write for example 1000, 1000:1000, daemon or daemon:staff',
  },
  idOutOfRange: {
    kind: 'invalid-argument',
    message: (d: { text: string; id: string }) =>
      `user ${JSON.stringify(d.text)} has the id ${d.id}, beyond the largest that the kernel takes, ${MAX_ID}`,
  },
});

/** (uid_t) -1 means "leave as it is" to setresuid(2), so the largest id is one less. */
const MAX_ID = 0xffff_fffe;
const PART = /^[^\s:/\p{Cc}]{1,255}$/u;

/**
 * Parses `name[:group]`. As with Docker, a group alone is that of root, and a name with nothing after the colon has the group
 * that it has. Names are looked up inside the rootfs later; here only their form is checked, so that a
 * number beyond 32 bits cannot wrap around to root (CVE-2024-40635).
 *
 * @throws {EngineError} `user.malformed`, `user.idOutOfRange` (invalid-argument)
 */
export function parseUser(text: string): UserRequest {
  const [user = '', group, ...rest] = text.split(':');
  if (rest.length > 0 || (user === '' && (group ?? '') === '')) throw userErrors.malformed({ text });
  for (const part of [user, group ?? '']) if (part !== '') checkPart(text, part);
  return { user: user === '' ? '0' : user, ...(group !== undefined && group !== '' && { group }) };
}

function checkPart(text: string, part: string): void {
  if (!PART.test(part)) throw userErrors.malformed({ text });
  if (/^[+-]?\d+$/.test(part) && !isId(part)) throw userErrors.idOutOfRange({ text, id: part });
}

function isId(digits: string): boolean {
  return /^\d+$/.test(digits) && BigInt(digits) <= BigInt(MAX_ID);
}
