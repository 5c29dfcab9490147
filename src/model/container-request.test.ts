import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ContainerRequest } from './check-request.ts';
import { parseContainerUid } from './container-id.ts';
import { completeConfig, completeExecConfig } from './container-request.ts';
import { EngineError } from './error.ts';

const IMAGE = { kind: 'image', reference: 'alpine' } as const;
const request = (fields: Partial<ContainerRequest> = {}): ContainerRequest => ({ name: 'c', rootfs: IMAGE, ...fields });
const parse = (fields: Partial<ContainerRequest>) => completeConfig(request(fields));

test('what is not said takes its default, and optional fields stay away', () => {
  expect(parse({})).toEqual({
    name: 'c',
    rootfs: IMAGE,
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
    log: { format: 'cri', maxBytes: 16 << 20, maxFiles: 2 },
    autoRemove: false,
    security: {},
  });
});

test('an undefined field is a field that was not said', () => {
  expect(parse({ command: undefined, resources: { memoryLimitBytes: undefined }, log: { format: undefined } })).toEqual(
    parse({}),
  );
});

test.each<[string, Partial<ContainerRequest>, string]>([
  ['a name with a slash', { name: 'a/b' }, 'container name "a/b"'],
  ['too little memory, saying why', { resources: { memoryLimitBytes: 1024 } }, 'kills a program in less'],
  ['a fraction of a byte', { resources: { memoryLimitBytes: 5e6 + 0.5 } }, 'is not a whole number'],
  ['too little cpu', { resources: { cpuMillis: 9 } }, 'cpu limit in thousandths 9'],
  ['no processes at all', { resources: { pidsLimit: 0 } }, 'pids limit 0'],
  ['a variable without a name', { env: ['=x'] }, 'environment entry "=x"'],
  ['a NUL in the command', { command: ['a\0'] }, 'holds a NUL'],
  ['an empty command', { command: [''] }, 'the command is empty'],
  ['a relative working directory', { workdir: 'tmp' }, 'working directory "tmp"'],
  ['a user with an id that wraps', { user: '4294967296' }, 'beyond the largest'],
  ['a host name with an underscore', { hostname: 'a_b' }, 'host name "a_b"'],
  ['a host name of 65 letters', { hostname: 'a'.repeat(65) }, 'host name'],
  ['a terminal without rows', { terminalSize: { rows: 0, columns: 80 } }, '0 rows'],
  ['a relative root file system', { rootfs: { kind: 'directory', path: 'x' }, command: ['a'] }, 'root file system "x"'],
  ['no command without an image', { rootfs: { kind: 'none' } }, 'none was given'],
  ["the host's root read-only", { rootfs: { kind: 'none' }, command: ['a'], readOnlyRootfs: true }, "the host's own"],
  ['an isolator twice', { isolation: ['linux/nnp', 'linux/nnp'] }, 'linux/nnp is chosen twice'],
  ['a log that holds nothing', { log: { maxBytes: 1 } }, 'log size in bytes 1'],
  ['a label that is too long', { labels: { a: 'x'.repeat(70_000) } }, 'label a takes'],
])('%s is refused', (_, fields, message) => {
  expect(() => parse(fields)).toThrow(message);
});

const volume = (containerPath: string, hostPath = '/h') =>
  ({ kind: 'host-path', hostPath, containerPath, readOnly: false }) as const;

test('paths of volumes are brought to their normal form', () => {
  expect(parse({ volumes: [volume('/a//b/', '/h/../i')] }).volumes).toEqual([volume('/a/b', '/i')]);
});

test('two volumes at one place are refused, however the place is written', () => {
  expect(() => parse({ volumes: [volume('/a', '/x'), volume('/b/../a/', '/y')] })).toThrow(
    'volumes /x and /y are both to be seen at /a',
  );
});

test('a volume over the whole root is refused', () => {
  expect(() => parse({ volumes: [volume('/a/..')] })).toThrow('whole root file system');
});

test('an empty entrypoint clears, and is not an empty program', () => {
  expect(parse({ entrypoint: [] }).entrypoint).toEqual([]);
});

test('a session needs a command and has defaults of its own', () => {
  const uid = parseContainerUid('0123456789ab');
  expect(() => completeExecConfig(uid, { command: [] })).toThrow('the command is empty');
  expect(completeExecConfig(uid, { command: ['sh'], env: ['A=1'] })).toEqual({
    container: uid,
    command: ['sh'],
    env: ['A=1'],
    terminal: false,
    stdin: false,
    owned: false,
  });
});

test('a parsed config is parsed to itself, and whatever is refused is refused with a typed error', () => {
  const fields = fc.record(
    {
      command: fc.array(fc.string()),
      env: fc.array(fc.string()),
      workdir: fc.string(),
      user: fc.string(),
      hostname: fc.string(),
      volumes: fc.array(
        fc.record({
          kind: fc.constant('host-path' as const),
          hostPath: fc.string(),
          containerPath: fc.string(),
          readOnly: fc.boolean(),
        }),
      ),
      resources: fc.record({ memoryLimitBytes: fc.double(), pidsLimit: fc.integer() }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fields, (some) => {
      try {
        const config = parse(some);
        expect(completeConfig(config)).toEqual(config);
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
        expect((error as EngineError).kind).toBe('invalid-argument');
      }
    }),
  );
});
