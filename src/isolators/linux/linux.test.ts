import { expect, test } from 'vitest';
import { HOST, planInput } from '../isolator.fixture.ts';
import { capabilities } from './capabilities.ts';
import { hasNoNewPrivileges, noNewPrivileges } from './nnp.ts';

test('a container has the nine defaults, and none that it could pass on', () => {
  const sets = capabilities().plan(planInput()).capabilities;
  expect(sets?.bounding).toHaveLength(9);
  expect(sets).toMatchObject({ effective: sets?.bounding, permitted: sets?.bounding, inheritable: [], ambient: [] });
});

test('an engine that lacks some of them says which', () => {
  const host = { ...HOST, availableCapabilities: HOST.availableCapabilities.filter((name) => name !== 'KILL') };
  expect(() => capabilities().plan(planInput({}, { host }))).toThrow('cannot hand out KILL');
});

test('no new privileges is on unless the container asks to do without', () => {
  expect(noNewPrivileges().plan(planInput())).toEqual({ noNewPrivileges: true });
  const without = planInput({ security: { noNewPrivileges: false } });
  expect(noNewPrivileges().plan(without)).toEqual({});
  expect(hasNoNewPrivileges({ ...without, isolators: ['linux/nnp'] })).toBe(false);
});

test('an agent that forces no new privileges refuses to do without', () => {
  const forced = noNewPrivileges({ forceNoNewPrivileges: true });
  expect(forced.plan(planInput())).toEqual({ noNewPrivileges: true });
  expect(() => forced.plan(planInput({ security: { noNewPrivileges: false } }))).toThrow('the agent forces it');
});
