import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { isolatorCatalog } from './catalog.ts';
import { catalogEffects, HOST, planInput } from './isolator.fixture.ts';
import { type Selection, selectIsolators } from './select.ts';

const catalog = isolatorCatalog(catalogEffects(memoryFiles({})));
const NONE = { rootfs: { kind: 'none' }, command: ['true'] } as const;

function select(request: Parameters<typeof planInput>[0], fields: Partial<Selection> = {}): readonly string[] {
  return selectIsolators({ catalog, config: planInput(request).config, host: HOST, ...fields }).map(({ name }) => name);
}

test('without a choice everything that applies takes part', () => {
  const names = select({});
  expect(names).toContain('network/none');
  expect(names).toContain('runtime/image');
  expect(names).not.toContain('network/host');
  expect(names).not.toContain('volume/host_path');
});

test('a controller that the host lacks takes no part, unless a limit asks for it', () => {
  const host = { ...HOST, controllers: { memory: 1 } } as const;
  expect(select({}, { host })).not.toContain('cgroups/pids');
  expect(select({ resources: { pidsLimit: 5 } }, { host })).toContain('cgroups/pids');
});

test('the agent permits, and a container gets no more', () => {
  const permitted = ['filesystem/linux', 'runtime/image', 'network/none'];
  expect(select({}, { permitted })).toEqual(['filesystem/linux', 'network/none', 'runtime/image']);
  expect(() => select({ ...NONE, isolation: ['linux/nnp'] }, { permitted })).toThrow(
    'isolator linux/nnp is not permitted here; permitted are filesystem/linux',
  );
});

test.each([
  [[]],
  [['cgroups/memory']],
  [['cgroups/pids', 'linux/nnp']],
  [['filesystem/linux']],
  [['filesystem/linux', 'namespaces/pid']],
  [['network/none']],
  [['namespaces/uts']],
  [['linux/capabilities']],
  [['filesystem/linux', 'namespaces/ipc', 'namespaces/cgroup', 'cgroups/cpu']],
  [['filesystem/linux', 'runtime/image']],
])('the subset %j is a choice', (isolation) => {
  expect(select({ ...NONE, isolation })).toEqual(isolation);
});

test('a choice is brought into the order of the catalogue', () => {
  expect(select({ ...NONE, isolation: ['linux/nnp', 'cgroups/cpu'] })).toEqual(['cgroups/cpu', 'linux/nnp']);
});

test.each<[string, Parameters<typeof planInput>[0], string]>([
  ['no network, and nobody who sees to it', { ...NONE, network: 'none', isolation: [] }, 'no network was asked for'],
  ['an unknown isolator', { isolation: ['linux/nmp'] }, 'isolator "linux/nmp" is not one of'],
  ['a missing requirement', { isolation: ['namespaces/pid'] }, 'namespaces/pid requires filesystem/linux'],
  ['two networks', { isolation: ['network/none', 'network/host'] }, 'exclude each other'],
  ['another network than asked for', { isolation: ['network/host'] }, 'the network is none'],
  ['a memory limit unserved', { isolation: [], resources: { memoryLimitBytes: 1 << 30 } }, 'work of cgroups/memory'],
  ['a cpu limit unserved', { isolation: [], resources: { cpuMillis: 100 } }, 'work of cgroups/cpu'],
  ['a pids limit unserved', { isolation: [], resources: { pidsLimit: 5 } }, 'work of cgroups/pids'],
  ['a host name unserved', { isolation: [], hostname: 'h' }, 'work of namespaces/uts'],
  ...(['pid', 'uts', 'cgroup'] as const).map((kind): [string, Parameters<typeof planInput>[0], string] => [
    `a ${kind} namespace unserved`,
    { isolation: [], namespaces: { [kind]: { kind: 'private' } } },
    `work of namespaces/${kind}`,
  ]),
  [
    'a volume unserved',
    {
      isolation: ['filesystem/linux'],
      volumes: [{ kind: 'host-path', hostPath: '/a', containerPath: '/a', readOnly: true }],
    },
    'work of volume/host_path',
  ],
])('%s is refused', (_, request, message) => {
  expect(() => select({ ...NONE, ...request })).toThrow(message);
});

test('an image without the isolators that make and run it is refused', () => {
  expect(() => select({ isolation: ['filesystem/linux'] })).toThrow('work of runtime/image');
  expect(() => select({ isolation: [] })).toThrow('work of filesystem/linux');
});

test('what the launcher has no place for takes no part, and is refused when it is asked for', () => {
  const host = { ...HOST, launcher: 'posix' } as const;
  expect(select(NONE, { host })).toEqual([
    ...['posix/cpu', 'posix/memory', 'posix/disk', 'linux/capabilities', 'linux/nnp', 'linux/seccomp'],
  ]);
  for (const request of [{ network: 'none' }, { hostname: 'x' }, { isolation: ['namespaces/pid'] }] as const) {
    expect(() => select({ ...NONE, ...request }, { host })).toThrow('launcher posix has no place for it');
  }
});

test('what only root can do takes no part for anybody else, and is refused when it is asked for', () => {
  const host = { ...HOST, launcher: 'posix', uid: 1000 } as const;
  expect(select(NONE, { host })).not.toContain('linux/capabilities');
  const capabilities = { drop: ['ALL'] };
  for (const request of [{ isolation: ['linux/capabilities'] }, { security: { capabilities } }] as const) {
    expect(() => select({ ...NONE, ...request }, { host })).toThrow('launcher posix of user 1000 has no place for it');
  }
});
