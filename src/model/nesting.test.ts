import { expect, test } from 'vitest';
import type { ContainerRequest } from './check-request.ts';
import { completeConfig } from './container-request.ts';
import { checkSharedGroups } from './nesting.ts';

const image = { rootfs: { kind: 'image', reference: 'debian' } } as const;

test.each([
  [{ namespaces: { pid: { kind: 'parent' } } }, 'the pid namespace of a parent was asked for'],
  [{ namespaces: { ipc: { kind: 'parent' } } }, 'the ipc namespace of a parent was asked for'],
  [{ namespaces: { uts: { kind: 'parent' } } }, 'the uts namespace of a parent was asked for'],
  [{ shareCgroups: true }, 'sharing the groups of a parent was asked for'],
  [
    { volumes: [{ kind: 'sandbox', of: 'parent', path: 'a', containerPath: '/a', readOnly: false }] },
    'the sandbox directory of a parent at /a was asked for',
  ],
] as const)('without a parent %j is refused by name', (request, message) => {
  expect(() => completeConfig({ ...image, ...request })).toThrow(`${message}, and this container has no parent`);
  expect(completeConfig({ ...image, ...request, parent: 'web' })).toMatchObject({ parent: 'web' });
});

test.each([
  [{ namespaces: { user: { kind: 'host' } } }, 'user namespace host was asked for'],
  [{ namespaces: { pid: { kind: 'host' } } }, 'the processes of the host were to be shared'],
  [{ namespaces: { pid: { kind: 'container', container: 'db' } } }, 'the processes of container db were to be shared'],
  [{ shareCgroups: true, resources: { pidsLimit: 10 } }, 'a limit (pidsLimit) was asked for'],
  [{ shareCgroups: true, isolation: ['cgroups/pids'] }, 'isolator cgroups/pids was asked for'],
  [{ hostname: 'x', namespaces: { uts: { kind: 'parent' } } }, "the container shares the parent's (uts parent)"],
] as const)('in a parent %j is refused by name', (request: Partial<ContainerRequest>, message) => {
  expect(() => completeConfig({ ...image, parent: 'web', ...request })).toThrow(message);
});

test('one that shares the groups of its parent takes no limit later either', () => {
  const refused = expect.objectContaining({ code: 'nesting.sharedLimit' });
  expect(() => checkSharedGroups({ shareCgroups: true, resources: { pidsLimit: 5000 } })).toThrow(refused);
  expect(() => checkSharedGroups({ shareCgroups: true, resources: {} })).not.toThrow();
  expect(() => checkSharedGroups({ resources: { pidsLimit: 5000 } })).not.toThrow();
});
