import { expect, test } from 'vitest';
import { type LaunchCall, launchSchema } from './call-schemas.ts';
import { parseFields } from './calls.ts';
import { translateLaunch } from './translate-launch.ts';

const launch = (fields: object) => {
  const call: LaunchCall = parseFields(launchSchema, { container_id: { value: 'web' }, ...fields }, 'launch_container');
  return translateLaunch(call);
};
const configOf = (fields: object) => launch({ command: { value: 'true' }, ...fields }).config;
const IMAGE = { type: 'MESOS', mesos: { image: { type: 'DOCKER', docker: { name: 'alpine' } } } };

test('a call as schedulers send it is a shell in the tree and the network of the host', () => {
  const { config } = launch({
    command: {
      environment: { variables: [{ name: 'ENV_VAR_KEY', type: 'VALUE', value: 'env_var_value' }] },
      value: 'exit 0',
    },
    container: { type: 'MESOS' },
    resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: 1024.0 } }],
  });
  expect(config).toMatchObject({
    name: 'web',
    rootfs: { kind: 'none' },
    command: ['/bin/sh', '-c', 'exit 0'],
    env: ['ENV_VAR_KEY=env_var_value'],
    network: 'host',
    resources: { memoryLimitBytes: 1 << 30 },
  });
});

test.each([
  ['a shell', { value: 'a b' }, { entrypoint: [], command: ['/bin/sh', '-c', 'a b'] }],
  ['a program', { shell: false, value: '/a', arguments: ['a', 'b'] }, { entrypoint: [], command: ['/a', 'b'] }],
  ['arguments for the image', { shell: false, arguments: ['b'] }, { command: ['b'] }],
])('%s is run as the table of docker/runtime says', (_name, command, expected) => {
  const config = configOf({ command, container: IMAGE });
  expect(config).toMatchObject(expected);
  expect(config.rootfs).toEqual({ kind: 'image', reference: 'alpine' });
});

test('the image of the call says its program where the call says none', () => {
  const { entrypoint, command } = configOf({ command: { shell: false }, container: IMAGE });
  expect({ entrypoint, command }).toEqual({ entrypoint: undefined, command: undefined });
});

test('files are fetched as their fields say, and one that is to be executed is not unpacked', () => {
  const uris = [
    { value: 'https://h.example/a.tar.gz' },
    { value: 'https://h.example/a.tar.gz', extract: false, cache: true },
    { value: 'https://h.example/b.tar', executable: true },
    { value: '/srv/a b', output_file: 'c/d' },
  ];
  expect(configOf({ command: { value: 'true', uris } }).fetch).toEqual([
    { uri: 'https://h.example/a.tar.gz', output: '.', extract: true, executable: false, cache: false },
    { uri: 'https://h.example/a.tar.gz', output: 'a.tar.gz', extract: false, executable: false, cache: true },
    { uri: 'https://h.example/b.tar', output: 'b.tar', extract: false, executable: true, cache: false },
    { uri: 'file:///srv/a%20b', output: 'c/d', extract: false, executable: false, cache: false },
  ]);
});

test.each([
  ['of its own namespace', 'linux', undefined, true],
  ['in the namespace of its parent', 'linux', { share_pid_namespace: true }, false],
  ['of a launcher without namespaces', 'posix', undefined, false],
] as const)('the command has a reaper where it would be the first process: %s', (_name, launcher, linux, init) => {
  const container_id = { value: 'db', parent: { value: 'web' } };
  const container = { type: 'MESOS', linux_info: linux };
  const call = parseFields(launchSchema, { container_id, command: { value: 'true' }, container }, 'launch_container');
  expect(translateLaunch(call, launcher).config.init).toBe(init);
});

test('an image that may not come from the store is pulled anew', () => {
  const container = { type: 'MESOS', mesos: { image: { ...IMAGE.mesos.image, cached: false } } };
  expect([configOf({ container: IMAGE }).pull, configOf({ container }).pull]).toEqual(['missing', 'always']);
});

test.each([
  ['requests alone', [{ cpus: 0.5 }, { mem: 64 }], undefined, { cpuShares: 512, memoryLimitBytes: 64 << 20 }],
  [
    'limits beside requests',
    [{ cpus: 1 }, { mem: 64 }],
    { cpus: { value: 2.5 }, mem: { value: 128 } },
    { cpuShares: 1024, cpuMillis: 2500, memoryLimitBytes: 128 << 20, memoryReservationBytes: 64 << 20 },
  ],
  [
    'no bound at all',
    [{ mem: 64 }],
    { cpus: { value: 'Infinity' }, mem: { value: 'Infinity' } },
    { memoryReservationBytes: 64 << 20 },
  ],
  ['the least share', [{ cpus: 0.001 }], undefined, { cpuShares: 2 }],
])('%s', (_name, asked, limits, expected) => {
  const resources = asked.map((one) => {
    const [[name, value] = []] = Object.entries(one);
    return { name, type: 'SCALAR', scalar: { value } };
  });
  expect(configOf({ resources, limits }).resources).toEqual(expected);
});

test('disk bounds at once, and what is named twice is added up', () => {
  const disk = { name: 'disk', type: 'SCALAR', scalar: { value: 5 } };
  expect(configOf({ resources: [disk, disk] }).diskLimitBytes).toBe(10 << 20);
});

test('whose a resource is changes nothing of what is got', () => {
  const plain = { name: 'mem', type: 'SCALAR', scalar: { value: 64 } };
  const owned = {
    ...plain,
    role: 'web',
    allocation_info: { role: 'web' },
    reservations: [{ type: 'DYNAMIC', role: 'web', principal: 'ops', labels: { labels: [{ key: 'a', value: 'b' }] } }],
  };
  expect(configOf({ resources: [owned] })).toEqual(configOf({ resources: [plain] }));
});

test.each([
  ['revocable', {}, 'takes back'],
  ['shared', {}, 'shares no resources'],
  ['disk', { persistence: { id: 'data' } }, 'no persistent volumes'],
  ['provider_id', { value: 'a' }, 'no resource providers'],
  ['allocation_info', { colour: 'red' }, 'colour'],
])('what would give the container something else is refused with the reason: %s', (field, value, reason) => {
  const resource = { name: 'disk', type: 'SCALAR', scalar: { value: 64 }, [field]: value };
  const refused = expect.objectContaining({
    code: 'operator.invalidCall',
    message: expect.stringMatching(new RegExp(`resources\\.0\\.${field}.*${reason}`)),
  });
  expect(() => configOf({ resources: [resource] })).toThrow(refused);
});

test('secrets go beside the config, of variables and of volumes', () => {
  const secret = { type: 'VALUE', value: { data: Buffer.from('hidden').toString('base64') } };
  const { config, secrets } = launch({
    command: { value: 'true', environment: { variables: [{ name: 'TOKEN', type: 'SECRET', secret }] } },
    container: { type: 'MESOS', volumes: [{ container_path: '/s', mode: 'RO', source: { type: 'SECRET', secret } }] },
  });
  expect([...secrets.values()].map(String)).toEqual(['hidden', 'hidden']);
  expect(config.secretVariables).toMatchObject([{ variable: 'TOKEN' }]);
  expect(JSON.stringify(config)).not.toContain('hidden');
});

test('volumes are those of the host, of the sandbox and of images', () => {
  const volumes = [
    { container_path: '/a', mode: 'RO', host_path: '/h' },
    {
      container_path: '/b',
      mode: 'RW',
      source: { type: 'HOST_PATH', host_path: { path: '/h', mount_propagation: { mode: 'BIDIRECTIONAL' } } },
    },
    { container_path: '/c', mode: 'RW', source: { type: 'SANDBOX_PATH', sandbox_path: { path: 'd' } } },
    { container_path: '/e', mode: 'RO', image: IMAGE.mesos.image },
  ];
  expect(configOf({ container: { ...IMAGE, volumes } }).volumes).toMatchObject([
    { kind: 'host-path', hostPath: '/h', containerPath: '/a', readOnly: true },
    { kind: 'host-path', propagation: 'shared', readOnly: false },
    { kind: 'sandbox', of: 'self', path: 'd' },
    { kind: 'image', reference: 'alpine' },
  ]);
});

test('rights, limits and a terminal are as the call says', () => {
  const container = {
    ...IMAGE,
    linux_info: { effective_capabilities: { capabilities: ['NET_RAW'] }, seccomp: { unconfined: true }, shm_size: 1 },
    rlimit_info: { rlimits: [{ type: 'RLMT_NOFILE', soft: 10, hard: 20 }, { type: 'RLMT_CORE' }] },
    tty_info: { window_size: { rows: 5, columns: 6 } },
  };
  expect(configOf({ container })).toMatchObject({
    security: { seccomp: { kind: 'unconfined' }, capabilities: { bounding: ['NET_RAW'], ambient: ['NET_RAW'] } },
    namespaces: { shmBytes: 1 << 20 },
    process: { rlimits: { nofile: { soft: 10, hard: 20 }, core: { soft: 'unlimited', hard: 'unlimited' } } },
    terminal: true,
    terminalSize: { rows: 5, columns: 6 },
  });
});

const nested = (fields: object) => configOf({ container_id: { value: 'db', parent: { value: 'web' } }, ...fields });
const linux = (linux_info: object) => ({ container: { type: 'MESOS', linux_info } });
const MEMORY = [{ name: 'mem', type: 'SCALAR', scalar: { value: 8 } }];

test('a nested container is one in its parent, whose network it has', () => {
  const config = nested({ container_id: { value: 'c', parent: { value: 'b', parent: { value: 'a' } } } });
  expect(config).toMatchObject({ name: 'c', parent: 'a/b' });
  expect(config.network).toBeUndefined();
});

test.each([
  ['nothing is said', {}, true],
  ['it asks for groups of its own', linux({ share_cgroups: false }), undefined],
  ['it is bounded', { resources: MEMORY }, undefined],
  ['it has a limit', { limits: { mem: { value: 8 } } }, undefined],
])('whether it shares the groups of its parent, when %s', (_name, fields, shared) => {
  expect(nested(fields).shareCgroups).toBe(shared);
});

test('it shares processes and shared memory with its parent when the call says so', () => {
  expect(nested({}).namespaces?.pid).toBeUndefined();
  expect(nested(linux({ share_pid_namespace: true, ipc_mode: 'SHARE_PARENT' })).namespaces).toEqual({
    pid: { kind: 'parent' },
    ipc: { kind: 'parent' },
  });
  expect(nested(linux({ ipc_mode: 'PRIVATE', shm_size: 1 })).namespaces).toEqual({ shmBytes: 1 << 20 });
});

test('a directory of the sandbox of its parent is a volume', () => {
  const source = { type: 'SANDBOX_PATH', sandbox_path: { type: 'PARENT', path: 'd' } };
  const volumes = [{ container_path: '/c', mode: 'RW', source }];
  expect(nested({ container: { type: 'MESOS', volumes } }).volumes).toMatchObject([
    { kind: 'sandbox', of: 'parent', path: 'd' },
  ]);
});

test.each([
  ['a shell without a value', { command: {} }, 'command.value'],
  [
    'a variable without a value',
    { command: { value: 'a', environment: { variables: [{ name: 'A' }] } } },
    'variable A',
  ],
  [
    'a volume without a source',
    { container: { type: 'MESOS', volumes: [{ container_path: '/a', mode: 'RO' }] } },
    '0 sources',
  ],
  [
    'one rlimit of two',
    { container: { type: 'MESOS', rlimit_info: { rlimits: [{ type: 'RLMT_CPU', soft: 1 }] } } },
    'RLMT_CPU',
  ],
  [
    'a profile by name',
    { container: { type: 'MESOS', linux_info: { seccomp: { profile_name: 'x' } } } },
    'profile_name',
  ],
  ['a share with nobody', { container: { type: 'MESOS', linux_info: { share_pid_namespace: true } } }, 'linux_info'],
  [
    'a bound that the parent holds',
    { ...linux({ share_cgroups: true }), container_id: { value: 'a', parent: { value: 'b' } }, resources: MEMORY },
    'a limit (memoryLimitBytes)',
  ],
  ['an id with a slash', { container_id: { value: 'a/b' } }, 'container_id.value'],
  ['an id with a dot', { container_id: { value: '..' } }, 'container_id.value'],
  ['ports', { resources: [{ name: 'ports', type: 'RANGES', ranges: { range: [] } }] }, 'resources.0.name'],
  ['a field that nobody knows', { command: { value: 'a', rlimits: [] } }, 'rlimits'],
  [
    'a file that would lie outside',
    { command: { value: 'a', uris: [{ value: '/a', output_file: '../b' }] } },
    'leads out',
  ],
  ['an address of another kind', { command: { value: 'a', uris: [{ value: 'hdfs://x/y' }] } }, 'hdfs'],
  ['a docker container', { container: { type: 'DOCKER' } }, 'container.type'],
])('%s is refused by its name', (_name, fields, named) => {
  expect(() => configOf(fields)).toThrow(named);
});
