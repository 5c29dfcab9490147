import { expect, test } from 'vitest';
import { completeConfig } from './container-request.ts';
import { addedSecurity } from './debug-request.ts';

const IMAGE = { kind: 'image', reference: 'busybox' } as const;
const request = (fields: object) => ({ rootfs: IMAGE, parent: 'web', debug: true, ...fields });

test('a debug container may be said to run anything as anybody, and to do more than its target', () => {
  const asked = { command: ['sh'], user: '0', env: ['A=b'], security: { capabilities: { add: ['SYS_PTRACE'] } } };
  expect(completeConfig(request({ ...asked, owned: true, endsWithOwner: true }))).toMatchObject({
    ...{ debug: true, endsWithOwner: true, parent: 'web', user: '0' },
  });
  expect(
    completeConfig(request({ resources: {}, process: {}, sysctls: {}, devices: [], restart: { kind: 'no' } })),
  ).not.toHaveProperty('shareCgroups');
});

test.each([
  [{ resources: { pidsLimit: 5 } }, 'debug.shared'],
  [{ process: { rlimits: [], personality: 'linux32' } }, 'debug.shared'],
  [{ sysctls: { 'net.ipv4.ip_forward': '1' } }, 'debug.shared'],
  [{ network: 'none' }, 'debug.shared'],
  [{ hostname: 'own' }, 'debug.shared'],
  [{ isolation: ['filesystem/linux'] }, 'debug.shared'],
  [{ namespaces: { ipc: { kind: 'private' } } }, 'debug.shared'],
  [{ rootfs: { kind: 'none' }, command: ['sh'] }, 'debug.noTools'],
  [{ security: { capabilities: { drop: ['CHOWN'] } } }, 'debug.notMore'],
  [{ security: { capabilities: { bounding: ['CHOWN'] } } }, 'debug.notMore'],
  [{ restart: { kind: 'always' } }, 'debug.restarted'],
  [{ endsWithOwner: true }, 'debug.noOwner'],
  [{ parent: undefined }, 'nesting.noParent'],
])('%j is refused', (fields, code) => {
  expect(() => completeConfig(request(fields) as never)).toThrow(expect.objectContaining({ code }));
});

test.each([
  ['nothing said', {}, { add: ['SYS_PTRACE'], drop: [] }],
  [
    'additions and removals',
    { capabilities: { add: ['NET_RAW'], drop: ['SYS_PTRACE', 'CHOWN'] } },
    {
      ...{ add: ['NET_RAW', 'SYS_PTRACE'], drop: ['CHOWN'] },
    },
  ],
  [
    'exact sets',
    { capabilities: { bounding: ['KILL'], ambient: ['KILL'], effective: [] } },
    {
      ...{ bounding: ['KILL', 'SYS_PTRACE'], ambient: ['KILL'], effective: ['SYS_PTRACE'] },
    },
  ],
])('a capability is added to %s', (_, theirs, capabilities) => {
  const asked = { capabilities: { add: ['SYS_PTRACE'] } };
  expect(addedSecurity({ noNewPrivileges: false, ...theirs }, asked)).toEqual({ noNewPrivileges: false, capabilities });
  expect(addedSecurity(theirs, {})).toEqual(theirs);
});
