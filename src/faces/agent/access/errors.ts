import { defineErrors } from '../../../model/error.ts';

export const accessErrors = defineErrors('access', {
  noCredential: {
    kind: 'unauthenticated',
    message: (d: { door: string }) => `${d.door} takes requests with a token only, and none came with this one`,
    remedy: () => 'send a header `Authorization: Bearer TOKEN` (ISOPOD_TOKEN); isopod token create makes one',
  },
  badToken: {
    kind: 'unauthenticated',
    message: (d: { reason: string }) => `the token is ${d.reason}`,
    remedy: () => 'isopod token list tells which there are, and isopod token create makes another',
  },
  noGrant: {
    kind: 'permission-denied',
    message: (d: { who: string }) => `${d.who} is known here, and was granted nothing`,
    remedy: () => 'start the agent with --grant for it, or send a token too',
  },
  peerUnknown: {
    kind: 'unavailable',
    message: (d: { reason: string }) => `it could not be found out who is at the other end of the socket: ${d.reason}`,
    remedy: () =>
      'see helper.log in the state directory; the kernel needs pidfd_getfd(2), and the agent CAP_SYS_PTRACE',
  },
  roleMissing: {
    kind: 'permission-denied',
    message: (d: { who: string; route: string; role: string; needs: string }) =>
      `${d.who} has role ${d.role}, and ${d.route} needs ${d.needs}`,
  },
  wholeAgent: {
    kind: 'permission-denied',
    message: (d: { who: string; route: string; scope: string }) =>
      `${d.route} is about the whole agent, and ${d.who} is confined to ${d.scope}`,
  },
  outOfReach: {
    kind: 'permission-denied',
    message: (d: { who: string; role: string; what: readonly string[] }) =>
      `${d.who} has role ${d.role}, and what reaches the host needs admin: ${d.what.join(', ')}`,
    remedy: () => 'leave that out; docs/access.md lists what reaches the host',
  },
  labelMissing: {
    kind: 'permission-denied',
    message: (d: { who: string; what: string; label: string; has: string }) =>
      `${d.who} makes ${d.what} with label ${d.label} only, and this one has ${d.has}`,
    remedy: (d: { label: string }) => `add the label: --label ${d.label}`,
  },
  notBelow: {
    kind: 'permission-denied',
    message: (d: { who: string; container: string }) =>
      `${d.who} makes containers below ${d.container} only, and this one would stand elsewhere`,
    remedy: () => 'name that container, or one below it, as the parent',
  },
  ownBounds: {
    kind: 'permission-denied',
    message: (d: { who: string; container: string }) =>
      `${d.who} is confined to ${d.container}, whose own bounds are not his to change`,
    remedy: () => 'ask whoever made the token; bounds of what is nested in it can be changed',
  },
  foreignContainer: {
    kind: 'not-found',
    message: (d: { id: string; who: string }) => `there is no container ${d.id} that ${d.who} may see`,
  },
  foreignVolume: {
    kind: 'not-found',
    message: (d: { name: string; who: string }) => `there is no volume ${d.name} that ${d.who} may see`,
  },
  foreignSession: {
    kind: 'not-found',
    message: (d: { id: string; who: string }) => `there is no session ${d.id} that ${d.who} may see`,
  },
  nameTaken: {
    kind: 'already-exists',
    message: (d: { what: string; name: string; who: string }) =>
      `the name ${d.name} is taken by a ${d.what} that ${d.who} may not see`,
    remedy: () => 'choose another name',
  },
  unknownToken: {
    kind: 'not-found',
    message: (d: { id: string }) => `there is no token ${d.id}`,
    remedy: () => 'isopod token list tells which there are',
  },
  tooManyTokens: {
    kind: 'resource-exhausted',
    message: (d: { most: number }) => `there are ${d.most} tokens, and no more are kept`,
    remedy: () => 'isopod token revoke those that are not used any more',
  },
  damagedTokens: {
    kind: 'data-loss',
    message: (d: { path: string; reason: string }) => `the file of tokens ${d.path} cannot be read: ${d.reason}`,
    remedy: () => 'put it right, or remove it and make tokens anew: until then no token counts',
  },
  unknownAccount: {
    kind: 'invalid-argument',
    message: (d: { kind: string; name: string; path: string }) => `there is no ${d.kind} ${d.name} in ${d.path}`,
    remedy: () => 'give its number: accounts of a directory service are not looked up',
  },
});
