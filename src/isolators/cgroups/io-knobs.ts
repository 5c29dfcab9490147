import { bfqWeightOfIo, ioWeightOfBlkio } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import type { DeviceLimits } from '../../model/resources.ts';
import { preparedDisk } from './block-devices.ts';
import { type KnobInput, optionalKnob, whenAsked } from './controller.ts';
import { cgroupsErrors } from './errors.ts';

/** A weight on the scales that kernels have: io.weight (1 to 10000), BFQ's (1 to 1000), CFQ's (10 to 1000). */
interface Weights {
  readonly io: number;
  readonly bfq: number;
  readonly cfq: number;
}

/**
 * @throws {EngineError} `cgroups.knobMissing` (failed-precondition); `cgroups.deviceUnresolved` for a path that
 *   `prepare` did not see
 */
export function ioKnobs(input: KnobInput): readonly CgroupKnob[] {
  const { ioWeight, blkioWeight, ioDevices = [] } = input.resources;
  const weights = blkioWeight === undefined ? whenAsked(ioWeight, weightsOfIo) : [weightsOfBlkio(blkioWeight)];
  return [
    ...weights.flatMap((weight) => weightKnobs(input, weight)),
    ...ioDevices.flatMap((limits) => diskKnobs(input, limits)),
  ];
}

function weightsOfBlkio(blkio: number): Weights {
  return { io: ioWeightOfBlkio(blkio), bfq: blkio, cfq: blkio };
}

function weightsOfIo(io: number): Weights {
  const bfq = bfqWeightOfIo(io);
  return { io, bfq, cfq: Math.max(10, bfq) };
}

/**
 * Of all disks, in every knob that the kernel has: which of them a disk obeys depends on its scheduler, and may change
 * while the container runs.
 */
function weightKnobs({ host, version }: KnobInput, weights: Weights): readonly CgroupKnob[] {
  const possible =
    version === 2
      ? [
          { file: CGROUP2.bfqWeight, value: `${weights.bfq}` },
          { file: CGROUP2.ioWeight, value: `${weights.io}` },
        ]
      : [
          { file: CGROUP1.bfqWeight, value: `${weights.bfq}` },
          { file: CGROUP1.cfqWeight, value: `${weights.cfq}` },
        ];
  const present = possible.filter(({ file }) => host.cgroupFeatures.includes(file));
  if (present.length === 0) {
    throw cgroupsErrors.knobMissing({ wanted: 'a weight of disks', file: possible[0]?.file ?? '' });
  }
  return present;
}

/** Of one disk, in the knob that its scheduler obeys: the kernel refuses the others. */
function diskWeightKnob(input: KnobInput, device: string, weights: Weights): CgroupKnob {
  const { numbers: entry, scheduler = 'unknown' } = preparedDisk(input.prepared, device);
  const [file, weight] =
    input.version === 2
      ? scheduler === 'bfq'
        ? ([CGROUP2.bfqWeight, weights.bfq] as const)
        : ([CGROUP2.ioWeight, weights.io] as const)
      : scheduler === 'cfq'
        ? ([CGROUP1.cfqWeightDevice, weights.cfq] as const)
        : ([CGROUP1.bfqWeightDevice, weights.bfq] as const);
  const isBfq = ['bfq', 'unknown'].includes(scheduler);
  const isServed = input.version === 2 || isBfq || scheduler === 'cfq';
  if (!isServed || !input.host.cgroupFeatures.includes(file)) {
    throw cgroupsErrors.noWeights({ device, scheduler, file });
  }
  return { file, value: `${entry} ${weight}`, entry };
}

function diskKnobs(input: KnobInput, limits: DeviceLimits): readonly CgroupKnob[] {
  return [
    ...whenAsked(limits.blkioWeight, (blkio) => diskWeightKnob(input, limits.device, weightsOfBlkio(blkio))),
    ...rateKnobs(input, limits, preparedDisk(input.prepared, limits.device).numbers),
  ];
}

/** v1 has a file for each rate, v2 one line with all of them. */
function rateKnobs({ host, version }: KnobInput, limits: DeviceLimits, entry: string): readonly CgroupKnob[] {
  const rates = [
    [CGROUP1.throttleReadBytes, 'rbps', limits.readBytesPerSecond],
    [CGROUP1.throttleWriteBytes, 'wbps', limits.writeBytesPerSecond],
    [CGROUP1.throttleReadOperations, 'riops', limits.readOperationsPerSecond],
    [CGROUP1.throttleWriteOperations, 'wiops', limits.writeOperationsPerSecond],
  ] as const;
  const asked = rates.filter(([, , rate]) => rate !== undefined);
  if (asked.length === 0) return [];
  const wanted = `a rate of ${limits.device}`;
  if (version === 2) {
    // All four: what a line leaves out stays, and an update may have taken it away.
    const value = [entry, ...rates.map(([, key, rate]) => `${key}=${rate ?? 'max'}`)].join(' ');
    return [optionalKnob(host, wanted, { file: CGROUP2.ioMax, value, entry })];
  }
  // The four come and go together (CONFIG_BLK_DEV_THROTTLING).
  optionalKnob(host, wanted, { file: CGROUP1.throttleReadBytes, value: '' });
  return asked.map(([file, , rate]) => ({ file, value: `${entry} ${rate}`, entry }));
}
