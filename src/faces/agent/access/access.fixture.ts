import { join } from 'node:path';
import { nodeEffects } from '../../../base/effects/node-effects.ts';
import type { GrantRule } from '../../../model/access.ts';
import type { AgentServerOptions } from '../server.ts';
import type { AuditRecord } from './audit.ts';
import { Authenticator, type AuthenticatorOptions } from './authenticate.ts';
import { Tokens } from './tokens.ts';

/** What a server needs of access, with tokens kept in `directory`; on its own socket everybody is admin. */
export function openAccess(
  directory: string,
  parts: Partial<Pick<AuthenticatorOptions, 'accounts' | 'peerOf'>> & {
    readonly certificates?: readonly GrantRule[];
    readonly audit?: (record: AuditRecord) => void;
  } = {},
): Pick<AgentServerOptions, 'access' | 'tokens'> {
  const { files, clock, random } = nodeEffects();
  const tokens = new Tokens({ files, clock, random, path: join(directory, 'tokens.json') });
  const authenticator = new Authenticator({
    tokens,
    certificates: parts.certificates ?? [],
    accounts: parts.accounts ?? [],
    ownUid: 0,
    peerOf: parts.peerOf ?? (() => Promise.reject(new Error('nobody is asked here'))),
  });
  return {
    access: { authenticator, audit: parts.audit ?? (() => {}) },
    tokens: { tokens, openTokenSocket: async () => {} },
  };
}
