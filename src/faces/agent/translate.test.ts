import { expect, test } from 'vitest';
import { parseContainerUid } from '../../model/container-id.ts';
import { parseBody } from './parse.ts';
import { containerSchema, execSchema } from './schemas.ts';
import { configOf, execConfigOf } from './translate.ts';

const parse = (body: unknown) => configOf(parseBody(containerSchema, body, 'the container'));

test('a least request gets every default', () => {
  expect(parse({ rootfs: { kind: 'image', reference: 'hello' } })).toEqual({
    name: '',
    rootfs: { kind: 'image', reference: 'hello' },
    pull: 'missing',
    env: [],
    labels: {},
    volumes: [],
    devices: [],
    deviceRules: [],
    resources: {},
    process: {},
    sysctls: {},
    readOnlyRootfs: false,
    init: false,
    terminal: false,
    stdin: false,
    owned: false,
    log: { format: 'cri', maxBytes: 16 * 1024 * 1024, maxFiles: 2 },
    autoRemove: false,
    security: {},
  });
});

test('a full request keeps every field', () => {
  const body = {
    name: 'web',
    rootfs: { kind: 'directory', path: '/srv/root' },
    pull: 'never',
    entrypoint: ['/bin/sh'],
    command: ['-c', 'true'],
    env: ['A=1'],
    workdir: '/tmp',
    user: 'nobody:nogroup',
    hostname: 'web-1',
    labels: { tier: 'front' },
    network: 'host',
    volumes: [{ kind: 'host-path', hostPath: '/srv/data', containerPath: '/data', readOnly: true }],
    devices: [{ hostPath: '/dev/fuse', containerPath: '/dev/fuse', access: 'rwm' }],
    deviceRules: ['c 10:200 rwm'],
    resources: { memoryLimitBytes: 67108864, cpuMillis: 500, pidsLimit: 10 },
    process: {
      rlimits: { nofile: { soft: 1, hard: 'unlimited' } },
      oomScoreAdj: -5,
      personality: 'linux32',
      scheduler: { policy: 'rr', priority: 3 },
      ioPriority: { class: 'idle', level: 0 },
      memoryPolicy: { mode: 'bind', nodes: [0] },
    },
    sysctls: { 'kernel.sem': '1 2 3 4' },
    landlock: { paths: [{ path: '/', access: ['read'] }], connectTcpPorts: [443], bindTcpPorts: [], scoped: true },
    readOnlyRootfs: true,
    init: true,
    terminal: true,
    terminalSize: { rows: 24, columns: 80 },
    stdin: true,
    owned: true,
    log: { format: 'raw', maxBytes: 1048576, maxFiles: 3 },
    autoRemove: true,
    isolation: ['filesystem/linux'],
    security: { seccomp: { kind: 'profile', name: '/p.json', content: '{}' } },
  };
  expect(parse(body)).toEqual(body);
});

test('an unknown field is refused by its name', () => {
  const body = { rootfs: { kind: 'image', reference: 'hello' }, resources: { memory: 5 } };
  expect(() => parse(body)).toThrow('unknown field memory in the container, field resources');
});

test('a field of a wrong type is refused by its name', () => {
  const body = { rootfs: { kind: 'image', reference: 'hello' }, env: 'A=1' };
  expect(() => parse(body)).toThrow(/^the container, field env: /);
});

test.each([
  [{ workdir: 'tmp' }, 'working directory "tmp" is not an absolute path'],
  [{ env: ['=x'] }, 'environment entry "=x" is not NAME=value'],
  [{ resources: { memoryLimitBytes: 4 } }, 'memory limit in bytes 4 is not a whole number of at least 4194304'],
  [{ hostname: '-x' }, 'host name "-x" is not 1 to 64 letters, digits, dots and dashes'],
  [{ name: '../x' }, 'container name "../x" does not match'],
])('%j is refused', (fields, message) => {
  expect(() => parse({ rootfs: { kind: 'image', reference: 'hello' }, ...fields })).toThrow(message);
});

test('a container without an image needs a command', () => {
  expect(() => parse({ rootfs: { kind: 'none' } })).toThrow(
    expect.objectContaining({ code: 'container-request.noCommand' }),
  );
});

test('an exec request names its container by uid', () => {
  const uid = parseContainerUid('0123456789ab');
  expect(execConfigOf(parseBody(execSchema, { command: ['id'] }, 'exec'), uid)).toEqual({
    container: uid,
    command: ['id'],
    env: [],
    terminal: false,
    stdin: false,
    owned: false,
  });
});
