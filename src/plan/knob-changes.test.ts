import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CgroupPlan } from '../model/launch-plan.ts';
import { isLowering, type KnobChange, knobChanges, updatedCgroups } from './knob-changes.ts';

type Values = Readonly<Record<string, string | undefined>>;

function group(version: 1 | 2, values: Values, path = '/cg'): CgroupPlan {
  const knobs = Object.entries(values).flatMap(([file, value]) =>
    value === undefined ? [] : [{ by: 'cgroups/test', file, value }],
  );
  return { hierarchy: version === 2 ? 'v2' : 'memory', version, path, controllers: ['memory'], knobs };
}

const changed = (version: 1 | 2, before: Values, after: Values): readonly string[] =>
  knobChanges([group(version, before)], [group(version, after)]).map(
    ({ file, from, to }) => `${file}: ${from ?? 'unset'} → ${to ?? 'unset'}`,
  );

const MEMORY = 'memory.limit_in_bytes';
const SUM = 'memory.memsw.limit_in_bytes';

test('what is the same before and after is not written', () => {
  expect(changed(2, { 'pids.max': '5', 'memory.max': '1' }, { 'pids.max': '6', 'memory.max': '1' })).toEqual([
    'pids.max: 5 → 6',
  ]);
});

test('v1 lowers memory before memory and swap, and raises them the other way', () => {
  const [low, high] = [
    { [MEMORY]: '64', [SUM]: '64' },
    { [MEMORY]: '128', [SUM]: '128' },
  ];
  expect(changed(1, high, low)).toEqual([`${MEMORY}: 128 → 64`, `${SUM}: 128 → 64`]);
  expect(changed(1, low, high)).toEqual([`${SUM}: 64 → 128`, `${MEMORY}: 64 → 128`]);
  expect(changed(1, {}, low)).toEqual([`${MEMORY}: unset → 64`, `${SUM}: unset → 64`]);
  expect(changed(1, low, {})).toEqual([`${SUM}: 64 → unset`, `${MEMORY}: 64 → unset`]);
});

test('a v1 quota that falls comes before its period, one that rises after it', () => {
  const half = { 'cpu.cfs_period_us': '50000', 'cpu.cfs_quota_us': '25000' };
  const whole = { 'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': '100000' };
  expect(changed(1, whole, half).map((text) => text.split(':')[0])).toEqual(['cpu.cfs_quota_us', 'cpu.cfs_period_us']);
  expect(changed(1, half, whole).map((text) => text.split(':')[0])).toEqual(['cpu.cfs_period_us', 'cpu.cfs_quota_us']);
});

test('memory that may be in use is lowered before anything else is touched', () => {
  const before = [group(2, { 'pids.max': '5', 'memory.max': '128' }), group(2, { 'cpu.max': '1 2' }, '/other')];
  const after = [group(2, { 'pids.max': '6', 'memory.max': '64' }), group(2, { 'cpu.max': '2 2' }, '/other')];
  expect(knobChanges(before, after).map(({ file }) => file)).toEqual(['memory.max', 'pids.max', 'cpu.max']);
});

test('a file with a line for each device changes by device', () => {
  const io = (...knobs: readonly [string, string][]): CgroupPlan => ({
    ...group(2, {}),
    knobs: knobs.map(([entry, value]) => ({ by: 'cgroups/io', file: 'io.max', entry, value })),
  });
  const changes = knobChanges([io(['8:0', '8:0 rbps=1'], ['8:16', '8:16 rbps=1'])], [io(['8:0', '8:0 rbps=2'])]);
  expect(changes).toMatchObject([
    { entry: '8:0', from: '8:0 rbps=1', to: '8:0 rbps=2' },
    { entry: '8:16', from: '8:16 rbps=1', to: undefined },
  ]);
});

test('what isolators that were not asked again have set stays', () => {
  const before: CgroupPlan = { ...group(2, { 'pids.max': '5' }), knobs: [{ by: 'other', file: 'a', value: '1' }] };
  const contribution = { cgroup: { controller: 'memory', knobs: [{ file: 'memory.max', value: '7' }] } };
  expect(updatedCgroups([before], [{ isolator: 'cgroups/memory', contribution }])[0]?.knobs).toEqual([
    { by: 'other', file: 'a', value: '1' },
    { by: 'cgroups/memory', file: 'memory.max', value: '7' },
  ]);
});

/** The kernel's rules for pairs of v1 knobs: the sum is never below memory, the burst never above the quota. */
function accept(state: Map<string, number>, { file, to }: KnobChange): void {
  state.set(file, to === undefined ? (file === 'cpu.cfs_burst_us' ? 0 : Number.POSITIVE_INFINITY) : Number(to));
  const value = (name: string, otherwise: number): number => state.get(name) ?? otherwise;
  const fits =
    value(MEMORY, Number.POSITIVE_INFINITY) <= value(SUM, Number.POSITIVE_INFINITY) &&
    value('cpu.cfs_burst_us', 0) <= value('cpu.cfs_quota_us', Number.POSITIVE_INFINITY);
  if (!fits) throw new Error(`${file} = ${to} does not fit the rest`);
}

const amount = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined });
const bounds = fc
  .record({ [MEMORY]: amount, [SUM]: amount, 'cpu.cfs_burst_us': amount, 'cpu.cfs_quota_us': amount })
  .filter((b) => (b[MEMORY] ?? 99) <= (b[SUM] ?? 99) && (b['cpu.cfs_burst_us'] ?? 0) <= (b['cpu.cfs_quota_us'] ?? 99))
  .map((b) => Object.fromEntries(Object.entries(b).map(([file, value]) => [file, value?.toString()])));

test('the kernel takes every change in turn, and every way back after the first of them', () => {
  fc.assert(
    fc.property(bounds, bounds, fc.nat(4), (before, after, taken) => {
      const [from, to] = [[group(1, before)], [group(1, after)]];
      const state = new Map<string, number>();
      for (const change of knobChanges([group(1, {})], from)) accept(state, change);
      const done = knobChanges(from, to).slice(0, taken);
      for (const change of done) accept(state, change);
      const files = done.map(({ file }) => file);
      for (const change of knobChanges(to, from).filter(({ file }) => files.includes(file))) accept(state, change);
    }),
  );
});

test.each([
  ['9', '8', true],
  ['8', '9', false],
  [undefined, '8', true],
  ['8', undefined, false],
  ['max 100000', '50000 100000', true],
  ['50000 100000', '50000 50000', false],
])('from %s to %s: lowering is %s', (from, to, lowers) => {
  expect(isLowering({ by: 'x', version: 2, group: '/cg', file: 'x', from, to })).toBe(lowers);
});
