import { describe, expect, test } from 'vitest';
import type { UnitProperty } from '../base/effects.ts';
import type { CgroupKnob, CgroupPlan } from '../model/launch-plan.ts';
import { boundProperties, startProperties, widerProperties } from './unit-properties.ts';

const UNSET = 0xffff_ffff_ffff_ffffn;
const MEMORY_BESIDE_BYTES = 16n << 20n;

function plan(version: 1 | 2, knobs: readonly CgroupKnob[]): readonly CgroupPlan[] {
  return [{ hierarchy: 'x', version, path: '/g', controllers: [], knobs: knobs.map((knob) => ({ ...knob, by: 'i' })) }];
}

function named(properties: readonly UnitProperty[]): Record<string, UnitProperty['value']> {
  return Object.fromEntries(properties.map(({ name, value }) => [name, value]));
}

const CASES: readonly (readonly [1 | 2, string, readonly CgroupKnob[], Record<string, UnitProperty['value']>])[] = [
  [2, 'a weight of the cpu', [{ file: 'cpu.weight', value: '250' }], { CPUWeight: 250n }],
  [2, 'an idle cpu', [{ file: 'cpu.idle', value: '1' }], { CPUWeight: 0n }],
  [
    2,
    'a quota',
    [{ file: 'cpu.max', value: '50000 200000' }],
    { CPUQuotaPerSecUSec: 250_000n, CPUQuotaPeriodUSec: 200_000n },
  ],
  [
    2,
    'a quota with a burst, which may be used within any second',
    [
      { file: 'cpu.max', value: '50000 100000' },
      { file: 'cpu.max.burst', value: '20000' },
    ],
    { CPUQuotaPerSecUSec: 700_000n },
  ],
  [2, 'a period without a quota', [{ file: 'cpu.max', value: 'max 50000' }], { CPUQuotaPerSecUSec: UNSET }],
  [
    2,
    'memory',
    [
      { file: 'memory.low', value: '1048576' },
      { file: 'memory.high', value: '33554432' },
      { file: 'memory.max', value: '67108864' },
      { file: 'memory.swap.max', value: '0' },
    ],
    {
      MemoryLow: 1_048_576n,
      MemoryHigh: 33_554_432n + MEMORY_BESIDE_BYTES,
      MemoryMax: 67_108_864n + MEMORY_BESIDE_BYTES,
      MemorySwapMax: 0n,
    },
  ],
  [2, 'processes, besides the one that holds the scope', [{ file: 'pids.max', value: '20' }], { TasksMax: 21n }],
  [2, 'a weight of disks', [{ file: 'io.weight', value: '300' }], { IOWeight: 300n }],
  [2, 'a weight of disks that only BFQ obeys', [{ file: 'io.bfq.weight', value: '1000' }], { IOWeight: 10_000n }],
  [
    2,
    'a weight of one disk, after those of before are taken away',
    [{ file: 'io.weight', value: '8:0 400', entry: '8:0' }],
    { IODeviceWeight: [['/dev/block/8:0', 400n]], IOWeight: UNSET },
  ],
  [2, 'cpus', [{ file: 'cpuset.cpus', value: '0-2,9' }], { AllowedCPUs: [7, 2], AllowedMemoryNodes: [] }],
  [1, 'shares', [{ file: 'cpu.shares', value: '512' }], { CPUShares: 512n }],
  [1, 'idleness, as the least of shares', [{ file: 'cpu.idle', value: '1' }], { CPUShares: 2n }],
  [
    1,
    'a quota, over the usual period unless told',
    [{ file: 'cpu.cfs_quota_us', value: '25000' }],
    { CPUQuotaPerSecUSec: 250_000n, CPUQuotaPeriodUSec: 100_000n },
  ],
  [
    1,
    'memory of v1',
    [{ file: 'memory.limit_in_bytes', value: '67108864' }],
    { MemoryMax: 67_108_864n + MEMORY_BESIDE_BYTES },
  ],
  [
    1,
    'a weight of disks, within what systemd takes',
    [{ file: 'blkio.bfq.weight', value: '5' }],
    { BlockIOWeight: 10n },
  ],
];

describe('what systemd is told', () => {
  test.each(CASES)('of v%d: %s', (version, _what, knobs, wanted) => {
    expect(named(boundProperties(version, plan(version, knobs)))).toMatchObject(wanted);
  });

  test('is every bound even where none is set, for it has defaults of its own', () => {
    const bounds = named(boundProperties(2, []));
    expect(bounds).toMatchObject({ TasksMax: UNSET, MemoryMax: UNSET, CPUWeight: UNSET, MemoryLow: 0n });
  });

  test('is nothing of groups in hierarchies where it sets no limits', () => {
    expect(named(boundProperties(1, plan(2, [{ file: 'pids.max', value: '20' }])))).toMatchObject({ TasksMax: UNSET });
  });

  test('leaves room for both sides of a change, and only one side of what is no bound', () => {
    const sides = [
      [
        { file: 'memory.max', value: '1000' },
        { file: 'cpu.weight', value: '10' },
        { file: 'cpuset.cpus', value: '0' },
      ],
      [
        { file: 'pids.max', value: '5' },
        { file: 'cpu.weight', value: '90' },
        { file: 'cpuset.cpus', value: '3' },
      ],
    ].map((knobs) => boundProperties(2, plan(2, knobs)));
    const [before = [], after = []] = sides;
    expect(named(widerProperties(before, after))).toMatchObject({
      ...{ MemoryMax: UNSET, TasksMax: UNSET, CPUWeight: 90n, AllowedCPUs: [9] },
    });
  });
});

test('a scope is delegated and forgotten with its end; in v1 it needs every controller from the first moment', () => {
  const names = { slice: 'isopod.slice', description: 'd' };
  const common = { Slice: 'isopod.slice', Delegate: true, CollectMode: 'inactive-or-failed' };
  expect(named(startProperties(2, names, []))).toMatchObject({ ...common, IOAccounting: true, TasksMax: UNSET });
  expect(named(startProperties(2, names, []))).not.toHaveProperty('DevicePolicy');
  expect(named(startProperties(1, names, []))).not.toHaveProperty('CPUShares');
  expect(named(startProperties(1, names, []))).toMatchObject({
    ...common,
    BlockIOAccounting: true,
    DevicePolicy: 'strict',
  });
});
