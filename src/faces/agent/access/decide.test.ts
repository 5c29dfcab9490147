import { expect, test } from 'vitest';
import type { Grant } from '../../../model/access.ts';
import { completeConfig } from '../../../model/container-request.ts';
import { type Caller, callRefusal, isUnbounded, isWithin, launchRefusal, type Need, volumeRefusal } from './decide.ts';

const who = (grant: Grant): Caller => ({ name: 'token ci (00000000)', grant });
const TEAM_A = { labels: { team: 'a' } };
const config = (labels: Record<string, string>, more = {}) =>
  completeConfig({ rootfs: { kind: 'image', reference: 'hello' }, labels, ...more });
const code = (error: { readonly code: string } | undefined): string | undefined => error?.code;

test.each<[Grant['role'], Need['role'], string | undefined]>([
  ['read', 'read', undefined],
  ['read', 'operate', 'access.roleMissing'],
  ['operate', 'operate', undefined],
  ['operate', 'admin', 'access.roleMissing'],
  ['admin', 'admin', undefined],
])('role %s in a call that needs %s: %s', (role, needs, refusal) => {
  expect(code(callRefusal(who({ role }), { role: needs, of: 'container' }, 'X'))).toBe(refusal);
});

test('a call about the whole agent is for nobody with a scope', () => {
  const need: Need = { role: 'read', of: 'agent' };
  expect(code(callRefusal(who({ role: 'admin', scope: TEAM_A }), need, 'X'))).toBe('access.wholeAgent');
  expect(callRefusal(who({ role: 'read' }), need, 'X')).toBeUndefined();
});

test('only an admin without a scope is unbounded', () => {
  expect(isUnbounded({ role: 'admin' })).toBe(true);
  expect(isUnbounded({ role: 'admin', scope: TEAM_A })).toBe(false);
  expect(isUnbounded({ role: 'operate' })).toBe(false);
});

test('within a scope of labels is what has all of them with these values', () => {
  const scope = { labels: { team: 'a', tier: 'b' } };
  const within = (labels: Record<string, string>) => isWithin(scope, { labels, ancestors: [] });
  expect(within({ team: 'a', tier: 'b', more: 'c' })).toBe(true);
  expect([within({ team: 'a' }), within({ team: 'b', tier: 'b' }), within({})]).toEqual([false, false, false]);
});

test('a label that every object inherits is no label of a container', () => {
  expect(isWithin({ labels: { constructor: 'x' } }, { labels: {}, ancestors: [] })).toBe(false);
});

test('within a container is it and whatever is below it, at any depth', () => {
  const scope = { container: 'aaaaaaaaaaaa' };
  const within = (uid: string, ancestors: readonly string[]) => isWithin(scope, { uid, labels: {}, ancestors });
  expect(within('aaaaaaaaaaaa', [])).toBe(true);
  expect(within('bbbbbbbbbbbb', ['aaaaaaaaaaaa'])).toBe(true);
  expect(within('cccccccccccc', ['bbbbbbbbbbbb', 'aaaaaaaaaaaa'])).toBe(true);
  expect(within('dddddddddddd', ['bbbbbbbbbbbb'])).toBe(false);
  expect(isWithin(scope, { labels: {}, ancestors: [] })).toBe(false);
});

test('a launch needs the labels of the scope', () => {
  const caller = who({ role: 'operate', scope: TEAM_A });
  expect(launchRefusal(caller, config({ team: 'a' }), [])).toBeUndefined();
  expect(launchRefusal(caller, config({ team: 'b' }), [])).toMatchObject({
    code: 'access.labelMissing',
    details: { label: 'team=a', has: 'team=b' },
  });
  expect(code(launchRefusal(caller, config({}), []))).toBe('access.labelMissing');
});

test('a launch within a container needs to be below it', () => {
  const caller = who({ role: 'operate', scope: { container: 'aaaaaaaaaaaa' } });
  expect(code(launchRefusal(caller, config({}), []))).toBe('access.notBelow');
  expect(launchRefusal(caller, config({}), ['aaaaaaaaaaaa'])).toBeUndefined();
});

test('what reaches the host needs admin, whatever the scope', () => {
  const reaching = config({ team: 'a' }, { security: { privileged: true }, network: 'host' });
  expect(launchRefusal(who({ role: 'operate' }), reaching, [])).toMatchObject({
    code: 'access.outOfReach',
    details: { what: ['privileged', 'network host'] },
  });
  expect(launchRefusal(who({ role: 'admin', scope: TEAM_A }), reaching, [])).toBeUndefined();
});

test('a volume needs the labels too, and is below no container', () => {
  const team = who({ role: 'operate', scope: TEAM_A });
  expect(volumeRefusal(team, { labels: { team: 'a' } })).toBeUndefined();
  expect(code(volumeRefusal(team, {}))).toBe('access.labelMissing');
  expect(code(volumeRefusal(team, { labels: { team: 'a' }, options: { device: '/' } }))).toBe('access.outOfReach');
  expect(code(volumeRefusal(who({ role: 'admin', scope: { container: 'a' } }), {}))).toBe('access.notBelow');
});
