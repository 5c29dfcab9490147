import { describe, expect, test } from 'vitest';
import { DEFAULT_CAPABILITIES } from '../../linux/capabilities.ts';
import type { CapabilityRequest } from '../../model/capability-config.ts';
import type { RightsPolicy } from '../../model/rights-policy.ts';
import { HOST, planInput } from '../isolator.fixture.ts';
import { grantedCapabilities } from './capabilities.ts';
import { capabilityGrants } from './capability-grants.ts';

const ALL = HOST.availableCapabilities;

const sets = (capabilities: CapabilityRequest | undefined, policy: RightsPolicy = {}) =>
  capabilityGrants(policy)(planInput({ security: { capabilities } }));

describe('what a container asks for', () => {
  test('nothing is the nine defaults, and none that it could pass on', () => {
    expect(sets(undefined)).toEqual({
      ...{ bounding: DEFAULT_CAPABILITIES, permitted: DEFAULT_CAPABILITIES, effective: DEFAULT_CAPABILITIES },
      ...{ inheritable: [], ambient: [] },
    });
  });

  test.each([
    [{ add: ['SYS_ADMIN'] }, [...DEFAULT_CAPABILITIES, 'SYS_ADMIN']],
    [{ add: ['cap_sys_admin', 'KILL'], drop: ['CAP_CHOWN'] }, [...DEFAULT_CAPABILITIES.slice(1), 'SYS_ADMIN']],
    [{ drop: ['ALL'] }, []],
    [{ drop: ['all'], add: ['KILL', 'CHOWN'] }, ['KILL', 'CHOWN']],
    [{ add: ['ALL'] }, ALL],
    [{ add: ['ALL'], drop: ['SYS_ADMIN'] }, ALL.filter((name) => name !== 'SYS_ADMIN')],
    [{ bounding: ['SYS_ADMIN'] }, ['SYS_ADMIN']],
    [{ bounding: [] }, []],
  ])('%j bounds it by %j', (asked, expected) => {
    const { bounding, permitted, effective } = sets(asked);
    expect({ bounding, permitted, effective }).toEqual({
      ...{ bounding: expected, permitted: expected, effective: expected },
    });
  });

  test('an ambient one is inheritable too', () => {
    expect(sets({ ambient: ['KILL'] })).toMatchObject({ ambient: ['KILL'], inheritable: ['KILL'] });
  });

  test('five sets are taken exactly', () => {
    const asked = {
      ...{ bounding: ['KILL', 'CHOWN', 'SYS_ADMIN'], permitted: ['KILL', 'CHOWN'], effective: ['KILL'] },
      ...{ inheritable: ['SYS_ADMIN', 'CHOWN'], ambient: ['CHOWN'] },
    };
    expect(sets(asked)).toEqual(asked);
  });

  test.each([
    [{ ambient: ['SYS_ADMIN'] }, 'SYS_ADMIN of the inheritable capabilities is not among the bounding ones'],
    [{ permitted: ['SYS_ADMIN'] }, 'SYS_ADMIN of the permitted capabilities is not among the bounding ones'],
    [{ effective: ['KILL', 'CHOWN'], permitted: [] }, 'of the effective capabilities are not among the permitted ones'],
    [{ ambient: ['KILL'], permitted: [] }, 'KILL of the ambient capabilities is not among the permitted ones'],
    [{ ambient: ['KILL'], inheritable: [] }, 'KILL of the ambient capabilities is not among the inheritable ones'],
    [{ add: ['ROOT'] }, 'no capability is called ROOT'],
    [{ drop: ['SYS_ADMINN'] }, 'no capability is called SYS_ADMINN'],
    [{ add: ['KILL'], drop: ['kill'] }, 'KILL is both to be added and to be dropped'],
    [{ add: ['KILL'], bounding: ['KILL'] }, 'the bounding set is given exactly'],
    [{ bounding: ['ALL'] }, '"ALL" among the bounding capabilities is no name'],
    [{ add: ['1'] }, '"1" among the add capabilities is no name'],
    [{ add: ['SYS_BOOT'] }, 'the engine cannot hand out SYS_BOOT'],
  ])('%j is refused: %s', (asked, message) => {
    expect(() => sets(asked)).toThrow(message);
  });
});

describe('what the agent says', () => {
  const within = { mostCapabilities: ['KILL', 'CHOWN', 'SYS_ADMIN'] };

  test.each([
    // what the agent says, what the container asks for, what it has
    [{}, undefined, DEFAULT_CAPABILITIES],
    [{ usualCapabilities: ['SYS_ADMIN'] }, undefined, ['SYS_ADMIN']],
    [{ usualCapabilities: [] }, undefined, []],
    [{ usualCapabilities: ['KILL'] }, { add: ['SYS_ADMIN'] }, ['KILL', 'SYS_ADMIN']],
    [within, undefined, ['CHOWN', 'KILL']],
    [within, { add: ['SYS_ADMIN'] }, ['CHOWN', 'KILL', 'SYS_ADMIN']],
    [within, { add: ['ALL'] }, ['CHOWN', 'KILL', 'SYS_ADMIN']],
    [within, { drop: ['ALL'] }, []],
    [{ mostCapabilities: [] }, undefined, []],
    [{ ...within, usualCapabilities: ['KILL'] }, undefined, ['KILL']],
    [{ ...within, usualCapabilities: ['KILL'] }, { bounding: ['CHOWN'] }, ['CHOWN']],
  ])('%j makes of %j: %j', (policy, asked, expected) => {
    expect(new Set(sets(asked, policy).bounding)).toEqual(new Set(expected));
  });

  test('a request beyond it is refused with both', () => {
    expect(() => sets({ add: ['SETUID'] }, within)).toThrow(
      'the container asks for SETUID, and the agent gives out no more than KILL, CHOWN, SYS_ADMIN',
    );
  });

  test('it cannot grant more than it permits, nor what no kernel knows', () => {
    expect(() => capabilityGrants({ ...within, usualCapabilities: ['SETUID'] })).toThrow('to grant SETUID');
    expect(() => capabilityGrants({ mostCapabilities: ['NOPE'] })).toThrow('NOPE');
  });
});

test('profiles of system calls go by what the container has', () => {
  const input = planInput({ security: { capabilities: { drop: ['ALL'] } } }, { isolators: ['linux/capabilities'] });
  expect(grantedCapabilities(input, capabilityGrants())).toEqual([]);
  expect(grantedCapabilities({ ...input, isolators: [] }, capabilityGrants())).toEqual(ALL);
});
