import { expect, test } from 'vitest';
import { HOST, planInput } from '../isolator.fixture.ts';
import { capabilities } from './capabilities.ts';
import { noNewPrivileges } from './nnp.ts';

test('a container has the nine defaults, and none that it could pass on', () => {
  const sets = capabilities().plan(planInput()).capabilities;
  expect(sets?.bounding).toHaveLength(9);
  expect(sets).toMatchObject({ effective: sets?.bounding, permitted: sets?.bounding, inheritable: [], ambient: [] });
});

test('an engine that lacks some of them says which', () => {
  const host = { ...HOST, availableCapabilities: HOST.availableCapabilities.filter((name) => name !== 'KILL') };
  expect(() => capabilities().plan(planInput({}, { host }))).toThrow('cannot hand out KILL');
});

test('no new privileges is a switch', () => {
  expect(noNewPrivileges().plan(planInput())).toEqual({ noNewPrivileges: true });
});
