import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Contribution, LaunchPlan, NamedContribution, NewMount } from '../model/launch-plan.ts';
import { compose } from './compose.ts';
import { wantedControllers } from './merge.ts';
import { by, composeInput, config, V2 } from './plan.fixture.ts';

const planOf = (...contributions: readonly NamedContribution[]): LaunchPlan => compose(composeInput(contributions));
const tmpfs = (target: string): NewMount => ({
  kind: 'new',
  type: 'tmpfs',
  source: 'tmpfs',
  target,
  options: [],
  attributes: [],
});

test('an item that two isolators want is there once and belongs to the first', () => {
  const plan = planOf(by('a', { namespaces: ['mount', 'pid'] }), by('b', { namespaces: ['pid', 'net'] }));
  expect(plan.namespaces).toEqual([
    { kind: 'mount', by: 'a' },
    { kind: 'pid', by: 'a' },
    { kind: 'net', by: 'b' },
  ]);
});

test.each<[string, Contribution, Contribution, string]>([
  ['hostname', { hostname: 'x' }, { hostname: 'y' }, 'a and b disagree on hostname: x and y'],
  ['workdir', { workdir: '/x' }, { workdir: '/y' }, 'a and b disagree on workdir: /x and /y'],
  ['user', { user: { user: '1' } }, { user: { user: '2' } }, 'disagree on user: {"user":"1"} and {"user":"2"}'],
  [
    'a mount',
    { mounts: [tmpfs('/x')] },
    { mounts: [{ ...tmpfs('/x'), type: 'proc' }] },
    'a and b disagree on the mount at /x: tmpfs and proc',
  ],
  ['a variable', { environment: ['A=1'] }, { environment: ['A=2'] }, 'disagree on the variable A: A=1 and A=2'],
  [
    'a knob',
    { cgroup: { controller: 'memory', knobs: [{ file: 'm', value: '1' }] } },
    { cgroup: { controller: 'memory', knobs: [{ file: 'm', value: '2' }] } },
    'a and b disagree on the knob m: 1 and 2',
  ],
])('two isolators that disagree on %s are both named, with both values', (_, first, second, message) => {
  expect(() => planOf(by('a', first), by('b', second))).toThrow(message);
});

test('a value with one writer conflicts even when the second says the same', () => {
  expect(() => planOf(by('a', { hostname: 'x' }), by('b', { hostname: 'x' }))).toThrow('disagree on hostname');
});

test('switches and equal variables may be wanted twice', () => {
  const wish: Contribution = { loopback: true, environment: ['A=1'] };
  const plan = planOf(by('a', wish), by('b', wish));
  expect(plan.loopback).toEqual({ value: true, by: 'a' });
  expect(plan.command.environment.filter((entry) => entry === 'A=1')).toHaveLength(1);
});

test('the caller takes a variable away by its name alone, and may set it after that', () => {
  const image = by('runtime/image', { environment: ['A=image', 'B=image'] });
  const caller = config({ env: ['A', 'HOSTNAME', 'B', 'B=caller'] });
  const { environment } = compose(composeInput([image], { config: caller })).command;
  expect(environment.filter((entry) => /^(?:A|B|HOSTNAME)/.test(entry))).toEqual(['B=caller']);
});

test('the caller wins over isolators in variables, user and working directory', () => {
  const caller = config({ env: ['A=caller', 'B=caller'], user: '7:8', workdir: '/caller' });
  const image = by('runtime/image', { environment: ['A=image', 'C=image'], user: { user: '1' }, workdir: '/image' });
  const plan = compose(composeInput([image], { config: caller }));
  expect(plan.command.environment).toEqual(expect.arrayContaining(['A=caller', 'B=caller', 'C=image']));
  expect(plan.command.environment).not.toContain('A=image');
  expect(plan.credentials).toMatchObject({ user: { user: '7', group: '8' }, by: 'caller' });
  expect(plan.command.workdir).toBe('/caller');
});

test('an image may name its own PATH and HOSTNAME, which are only defaults', () => {
  const plan = planOf(by('uts', { hostname: 'h' }), by('image', { environment: ['PATH=/x', 'HOSTNAME=other'] }));
  expect(plan.command.environment).toEqual(['PATH=/x', 'HOSTNAME=other']);
});

test('a terminal is named, and a container without one has no TERM', () => {
  const withTerminal = compose(composeInput([], { config: config({ terminal: true }) }));
  expect(withTerminal.command.environment).toContain('TERM=xterm');
  expect(planOf().command.environment.join()).not.toContain('TERM');
});

test('without any isolator the plan is root with all that the engine has, and the caller command', () => {
  const plan = planOf();
  expect(plan.credentials).toMatchObject({ user: { user: '0' }, by: 'launcher' });
  expect(plan.capabilities).toMatchObject({
    bounding: ['CHOWN', 'KILL'],
    inheritable: [],
    ambient: [],
    by: 'launcher',
  });
  expect(plan.command).toMatchObject({ arguments: ['true'], workdir: '/', by: 'caller' });
  expect(plan.namespaces).toEqual([]);
});

test('knobs go to the hierarchy that bears the name of the controller', () => {
  const plan = planOf(by('cpu', { cgroup: { controller: 'cpu', knobs: [{ file: 'q', value: '1' }] } }));
  expect(plan.cgroups.map(({ hierarchy, knobs }) => [hierarchy, knobs.length])).toEqual([
    ['cpu', 1],
    ['cpuacct', 0],
    ['memory', 0],
  ]);
});

test('in v2 the knobs of all controllers share a group, each with its owner', () => {
  const contributions = [
    by('cpu', { cgroup: { controller: 'cpu', knobs: [{ file: 'cpu.max', value: '1' }] } }),
    by('memory', { cgroup: { controller: 'memory', knobs: [{ file: 'memory.max', value: '2' }] } }),
  ];
  expect(wantedControllers(contributions)).toEqual(['cpu', 'memory']);
  expect(compose(composeInput(contributions, { placement: V2 })).cgroups[0]?.knobs).toEqual([
    { file: 'cpu.max', value: '1', by: 'cpu' },
    { file: 'memory.max', value: '2', by: 'memory' },
  ]);
});

test('a controller that the launcher has not placed is refused by the name of its isolator', () => {
  expect(() => planOf(by('cgroups/io', { cgroup: { controller: 'io', knobs: [] } }))).toThrow(
    'cgroups/io wants the cgroup controller io',
  );
});

test.each<[string, Contribution, string]>([
  [
    '/sys/fs/cgroup/x',
    { cgroupView: true },
    'a and b disagree on what is seen at /sys/fs/cgroup/x: its groups and tmpfs',
  ],
  [
    '/sys/firmware',
    { maskedPaths: ['/sys/firmware'] },
    'a and b disagree on what is seen at /sys/firmware: hidden and',
  ],
])('a mount at %s that something would be laid over is refused', (target, cover, message) => {
  expect(() => planOf(by('a', cover), by('b', { mounts: [tmpfs(target)] }))).toThrow(message);
});

test('a mount beside what is hidden is taken', () => {
  const cover = by('a', { maskedPaths: ['/sys/firm'], cgroupView: true });
  expect(planOf(cover, by('b', { mounts: [tmpfs('/sys/firmware')] })).mounts).toHaveLength(1);
});

test('no command at all is refused', () => {
  const none = { ...config(), command: [] };
  expect(() => compose(composeInput([], { config: none }))).toThrow('container c has no command');
});

test('the plan is frozen all the way down, and survives JSON', () => {
  const plan = planOf(by('a', { mounts: [tmpfs('/x')], hostname: 'h' }));
  const isFrozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
  expect(isFrozen(plan)).toBe(true);
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

const paths = fc.uniqueArray(fc.constantFrom('/a', '/a/b', '/a/b/c', '/d', '/d/e', '/f'), { minLength: 1 });

test('mounts come after the mounts that they lie in, whoever wanted them', () => {
  fc.assert(
    fc.property(paths, (targets) => {
      const plan = planOf(...targets.map((target) => by(`at ${target}`, { mounts: [tmpfs(target)] })));
      const order = plan.mounts.map(({ mount }) => mount.target);
      for (const [index, target] of order.entries()) {
        expect(order.slice(0, index).some((earlier) => earlier.startsWith(`${target}/`))).toBe(false);
      }
      expect(plan.mounts.every(({ mount, by: owner }) => owner === `at ${mount.target}`)).toBe(true);
    }),
  );
});

/** Isolators that cannot conflict: each has paths, variables and knobs of its own. */
const independent: readonly NamedContribution[] = [
  by('a', { namespaces: ['mount'], mounts: [tmpfs('/a')], environment: ['A=1'], hostname: 'h' }),
  by('b', { namespaces: ['pid'], mounts: [tmpfs('/b')], environment: ['B=1'], maskedPaths: ['/m'] }),
  by('c', { namespaces: ['net'], loopback: true, cgroup: { controller: 'cpu', knobs: [{ file: 'q', value: '1' }] } }),
  by('d', { noNewPrivileges: true, user: { user: '1' }, readOnlyPaths: ['/r'], workdir: '/w' }),
];

test('isolators that do not touch give the same plan in any order, each item with its owner', () => {
  const canonical = (plan: LaunchPlan): unknown =>
    JSON.parse(JSON.stringify(plan), (_, value: unknown) =>
      Array.isArray(value) ? [...value].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : value,
    );
  const expected = canonical(planOf(...independent));
  fc.assert(
    fc.property(fc.shuffledSubarray([...independent], { minLength: independent.length }), (shuffled) => {
      expect(canonical(planOf(...shuffled))).toEqual(expected);
    }),
  );
});
