import { expect, test } from 'vitest';
import { peerCaller } from './authenticate.ts';

const accounts = [
  { kind: 'user', number: 1000, grant: { role: 'read' } },
  { kind: 'group', number: 50, grant: { role: 'operate' } },
] as const;
const rules = { accounts, ownUid: 7 };

test('root and the user of the agent need no grant', () => {
  expect(peerCaller({ uid: 0, gids: [0] }, rules).grant).toEqual({ role: 'admin' });
  expect(peerCaller({ uid: 7, gids: [7] }, rules).grant).toEqual({ role: 'admin' });
});

test('the first rule that fits a user or one of his groups decides', () => {
  expect(peerCaller({ uid: 1000, gids: [1000, 50] }, rules)).toEqual({ name: 'user 1000', grant: { role: 'read' } });
  expect(peerCaller({ uid: 1001, gids: [1001, 50] }, rules).grant).toEqual({ role: 'operate' });
});

test('a number of a user is none of a group', () => {
  const refusal = expect.objectContaining({ code: 'access.noGrant', kind: 'permission-denied' });
  expect(() => peerCaller({ uid: 50, gids: [1000] }, rules)).toThrow(refusal);
});
