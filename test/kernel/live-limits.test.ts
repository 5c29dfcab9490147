import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { isEngineError } from '../../src/model/error.ts';
import type { ResourceChanges } from '../../src/model/resource-changes.ts';
import type { Resources } from '../../src/model/resources.ts';
import { EngineHost } from './support/engine-host.ts';
import { shellConfig } from './support/shell-config.ts';

const MIB = 1 << 20;
const PAGES = 2 * MIB;
/** Of cgroups, in which memory is served. */
const VERSION = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;
const HAS_CPUSET = /^cpuset\t.*\t1$/m.test(readFileSync('/proc/cgroups', 'utf8')) && cpus().length > 1;
const HAS_HUGE_PAGES =
  /^hugetlb\t.*\t1$/m.test(readFileSync('/proc/cgroups', 'utf8')) &&
  existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB');

/** Numbers of some disk, of which a guest may have none. */
function diskNumbers(): readonly string[] {
  return readdirSync('/sys/block')
    .slice(0, 1)
    .map((name) => readFileSync(join('/sys/block', name, 'dev'), 'utf8').trim());
}

/** At the launch, then up, then down; what is set at the launch and not named stays. */
interface Course {
  readonly steps: readonly [from: Resources, up: Resources, down: Resources];
  readonly kept?: Resources;
  /** The kernel may lack the knob. */
  readonly optional?: boolean;
}

function counted(name: keyof Resources, steps: readonly [number, number, number], more: Omit<Course, 'steps'> = {}) {
  const [from, up, down] = steps.map((value): Resources => ({ [name]: value }));
  return [name as string, { steps: [from ?? {}, up ?? {}, down ?? {}], ...more } as Course] as const;
}

const memory: Resources = { memoryLimitBytes: 512 * MIB };
const COURSES: readonly (readonly [string, Course])[] = [
  counted('memoryLimitBytes', [64 * MIB, 128 * MIB, 32 * MIB]),
  counted('memoryReservationBytes', [64 * MIB, 128 * MIB, 32 * MIB]),
  counted('memorySwapBytes', [600 * MIB, 800 * MIB, 520 * MIB], { kept: memory, optional: true }),
  ...(VERSION === 2 ? [counted('memoryHighBytes', [64 * MIB, 128 * MIB, 32 * MIB])] : []),
  ...(VERSION === 1 ? [counted('memorySwappiness', [20, 70, 5], { optional: true })] : []),
  counted('cpuMillis', [500, 1000, 100]),
  counted('cpuQuotaUs', [50_000, 90_000, 5000]),
  counted('cpuPeriodUs', [50_000, 90_000, 40_000], { kept: { cpuQuotaUs: 20_000 } }),
  counted('cpuBurstUs', [5000, 9000, 1000], { kept: { cpuMillis: 500 }, optional: true }),
  counted('cpuShares', [500, 2048, 100]),
  counted('cpuWeight', [50, 200, 10]),
  counted('pidsLimit', [50, 100, 10]),
  ...(HAS_CPUSET
    ? ([['cpusetCpus', { steps: [{ cpusetCpus: '0' }, { cpusetCpus: '0-1' }, { cpusetCpus: '1' }] }]] as const)
    : []),
  ...(HAS_HUGE_PAGES
    ? ([
        [
          'hugePages',
          {
            steps: [
              { hugePages: [{ pageSize: '2MB', limitBytes: 2 * PAGES }] },
              { hugePages: [{ pageSize: '2MB', limitBytes: 4 * PAGES }] },
              { hugePages: [{ pageSize: '2MB', limitBytes: PAGES }] },
            ],
          },
        ],
      ] as const)
    : []),
  counted('ioWeight', [200, 400, 50], { optional: true }),
  counted('blkioWeight', [200, 400, 50], { optional: true }),
  ...diskNumbers().map((device) => {
    const [from, up, down] = [8 * MIB, 16 * MIB, MIB].map((readBytesPerSecond) => ({ device, readBytesPerSecond }));
    const steps = [
      { ioDevices: [{ ...from, device, writeOperationsPerSecond: 80 }] },
      { ioDevices: [{ ...up, device }] },
      { ioDevices: [{ ...down, device }] },
    ] as const;
    return ['ioDevices', { steps, optional: true }] as const;
  }),
];

let host: EngineHost;
let engine: Engine;
beforeAll(async () => {
  host = new EngineHost();
  engine = await host.open();
});
afterAll(() => host.close());

interface Knob {
  readonly path: string;
  readonly value: string;
  readonly entry?: string | undefined;
}

async function knobsOf(name: string): Promise<readonly Knob[]> {
  const { cgroups } = await engine.plan(name);
  return cgroups.flatMap(({ path, knobs }) =>
    knobs.map(({ file, value, entry }) => ({ path: join(path, file), value, entry })),
  );
}

/** Whether the kernel has what the plan says, in a file with several lines in the one that is meant. */
function isInForce({ path, value, entry }: Knob): boolean {
  const text = readFileSync(path, 'utf8').trim();
  if (entry === undefined) return [value, `default ${value}`].includes(text);
  const line = text.split('\n').find((one) => one.startsWith(`${entry} `)) ?? '';
  return value.split(' ').every((word) => line.split(' ').includes(word));
}

test.for(COURSES)(
  '%s goes up and down while the container runs, and is taken away',
  async ([field, course], { skip }) => {
    const { steps, kept = {}, optional = false } = course;
    const name = `limit-${field}`;
    try {
      await engine.launch(shellConfig(name, 'exec sleep 1000', { resources: { ...kept, ...steps[0] } }));
    } catch (error) {
      if (!optional || !isEngineError(error) || error.code !== 'cgroups.knobMissing') throw error;
      skip(error.message);
    }
    const seen = [JSON.stringify(await knobsOf(name))];
    for (const change of steps.slice(1)) {
      await engine.update(name, change);
      const knobs = await knobsOf(name);
      expect(knobs.filter((knob) => !isInForce(knob))).toEqual([]);
      seen.push(JSON.stringify(knobs));
    }
    expect(new Set(seen).size).toBe(steps.length);
    const last = await knobsOf(name);
    await engine.update(name, { [field]: null } as ResourceChanges);
    const left = await knobsOf(name);
    expect(left.filter((knob) => !isInForce(knob))).toEqual([]);
    const isLeft = ({ path, entry }: Knob) => left.some((one) => path === one.path && entry === one.entry);
    // A period says how a quota is counted, and without one it is what it always is.
    const gone = last.filter((knob) => !isLeft(knob) && !knob.path.endsWith('cpu.cfs_period_us'));
    expect(gone.filter(isInForce)).toEqual([]);
    expect(JSON.stringify(left)).not.toBe(JSON.stringify(last));
    expect((await engine.status(name)).config.resources).toEqual(kept);
    await engine.remove(name, { force: true });
  },
);
