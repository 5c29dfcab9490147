import { expect, test } from 'vitest';
import { nodeEffects } from '../../../base/effects/node-effects.ts';
import { peerCaller } from './authenticate.ts';
import { accessErrors } from './errors.ts';
import { Visit } from './visit.ts';

const { clock } = nodeEffects();

/** What the audit log has of a request that this has ended. */
function recordOf(error: unknown) {
  const visit = new Visit({ requestId: 'r1' } as Visit['note'], 'tls', 'GET /v1/containers');
  visit.error = error;
  return visit.record(clock);
}

test('who is known and was granted nothing is named by his refusal', () => {
  expect(recordOf(accessErrors.noGrant({ who: 'certificate build' }))).toMatchObject({
    ...{ request: 'r1', door: 'tls', who: 'certificate build', outcome: 'refused', code: 'access.noGrant' },
  });
});

test('a user of a socket whom no rule fits is named by his number', () => {
  const refused = (): unknown => {
    try {
      return peerCaller({ uid: 1234, gids: [1234] }, { accounts: [], ownUid: 7 });
    } catch (error) {
      return error;
    }
  };
  expect(recordOf(refused())).toMatchObject({ who: 'user 1234', outcome: 'refused' });
});

test('whom nobody knows is not named', () => {
  const record = recordOf(accessErrors.badToken({ reason: 'unknown, or was revoked' }));
  expect(record).toMatchObject({ outcome: 'refused', code: 'access.badToken' });
  expect(record).not.toHaveProperty('who');
});
