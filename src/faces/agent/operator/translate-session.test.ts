import { expect, test } from 'vitest';
import { launchNestedSchema } from './call-schemas.ts';
import { parseFields } from './calls.ts';
import { translateSession } from './translate-session.ts';

const ID = { value: 'one', parent: { value: 'web' } };
const translate = (fields: object) =>
  translateSession(parseFields(launchNestedSchema, { container_id: ID, ...fields }, 'launch_nested_container_session'));
const command = { value: 'true' };
const mesos = { image: { type: 'DOCKER', docker: { name: 'alpine' } } };

test('a session without an image is a further process, whose client owns its streams', () => {
  const variables = [{ name: 'A', value: 'b' }];
  const tty_info = { window_size: { rows: 5, columns: 6 } };
  const fields = {
    command: { value: 'ls', user: 'root', environment: { variables } },
    container: { type: 'MESOS', tty_info },
  };
  expect(translate(fields)).toEqual({
    kind: 'process',
    request: {
      ...{ command: ['/bin/sh', '-c', 'ls'], env: ['A=b'], user: 'root' },
      ...{ terminal: true, terminalSize: { rows: 5, columns: 6 } },
      ...{ stdin: true, owned: true, endsWithEngine: true },
    },
  });
  expect(translate({ command: { shell: false, value: '/bin/ls', arguments: ['ls', '-l'] } })).toMatchObject({
    request: { command: ['/bin/ls', '-l'], terminal: false },
  });
});

test('one with an image is a container beside the processes of its parent, in the groups of it', () => {
  expect(translate({ command, container: { type: 'MESOS', mesos } })).toMatchObject({
    kind: 'container',
    launch: {
      config: {
        ...{ name: 'one', parent: 'web', owned: true, shareCgroups: true, endsWithEngine: true },
        rootfs: { kind: 'image', reference: 'alpine' },
        namespaces: { pid: { kind: 'parent' }, ipc: { kind: 'parent' } },
      },
    },
  });
});

const secret = { type: 'VALUE', value: { data: 'aA==' } };
test.each([
  ['groups of its own', { linux_info: { share_cgroups: false } }, 'linux_info.share_cgroups'],
  ['processes of its own', { linux_info: { share_pid_namespace: false } }, 'linux_info.share_pid_namespace'],
  ['queues of its own', { mesos, linux_info: { ipc_mode: 'PRIVATE' } }, 'linux_info.ipc_mode'],
  ['volumes', { volumes: [{ container_path: '/a', mode: 'RO', host_path: '/b' }] }, 'container.volumes'],
  ['a host name', { hostname: 'a' }, 'container.hostname'],
  ['limits of the process', { rlimit_info: { rlimits: [] } }, 'container.rlimit_info'],
  ['rights', { linux_info: { effective_capabilities: {} } }, 'linux_info.effective_capabilities'],
])('%s are refused by their name', (_name, container, named) => {
  expect(() => translate({ command, container: { type: 'MESOS', ...container } })).toThrow(named);
});

test.each([
  ['no program', {}, 'command.value'],
  [
    'a secret',
    { command: { ...command, environment: { variables: [{ name: 'A', type: 'SECRET', secret }] } } },
    'VALUE alone',
  ],
  ['a file to fetch', { command: { ...command, uris: [{ value: 'https://h.example/a' }] } }, 'command.uris'],
])('%s is refused', (_name, fields, named) => {
  expect(() => translate(fields)).toThrow(named);
});
