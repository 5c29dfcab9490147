import { bfqWeightOfIo, ioWeightOfBlkio } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import { type DeviceLimits, isDeviceNumber } from '../../model/resources.ts';
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
    ...weights.flatMap((weight) => weightKnobs(input, { weight, wanted: 'a weight of disks' })),
    ...ioDevices.flatMap((limits) => deviceKnobs(input, limits)),
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
 * Every knob that the kernel has: which of them a disk obeys depends on its scheduler, and may change while the
 * container runs.
 *
 * @param asked.entry the numbers of a device; without one the weight is that of all devices
 */
function weightKnobs(
  { host, version }: KnobInput,
  asked: { readonly weight: Weights; readonly wanted: string; readonly entry?: string },
): readonly CgroupKnob[] {
  const { weight, wanted, entry } = asked;
  const possible =
    version === 2
      ? [
          { file: CGROUP2.bfqWeight, value: weight.bfq },
          { file: CGROUP2.ioWeight, value: weight.io },
        ]
      : [
          { file: entry === undefined ? CGROUP1.bfqWeight : CGROUP1.bfqWeightDevice, value: weight.bfq },
          { file: entry === undefined ? CGROUP1.cfqWeight : CGROUP1.cfqWeightDevice, value: weight.cfq },
        ];
  const present = possible.filter(({ file }) => host.cgroupFeatures.includes(file));
  if (present.length === 0) throw cgroupsErrors.knobMissing({ wanted, file: possible[0]?.file ?? '' });
  return present.map(({ file, value }) =>
    entry === undefined ? { file, value: `${value}` } : { file, value: `${entry} ${value}`, entry },
  );
}

function deviceKnobs(input: KnobInput, limits: DeviceLimits): readonly CgroupKnob[] {
  const entry = isDeviceNumber(limits.device) ? limits.device : input.prepared[limits.device];
  if (entry === undefined) throw cgroupsErrors.deviceUnresolved({ device: limits.device });
  const wanted = `a weight of ${limits.device}`;
  return [
    ...whenAsked(limits.blkioWeight, (blkio) => ({ weight: weightsOfBlkio(blkio), wanted, entry })).flatMap((asked) =>
      weightKnobs(input, asked),
    ),
    ...rateKnobs(input, limits, entry),
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
    const value = [entry, ...asked.map(([, key, rate]) => `${key}=${rate}`)].join(' ');
    return [optionalKnob(host, wanted, { file: CGROUP2.ioMax, value, entry })];
  }
  // The four come and go together (CONFIG_BLK_DEV_THROTTLING).
  optionalKnob(host, wanted, { file: CGROUP1.throttleReadBytes, value: '' });
  return asked.map(([file, , rate]) => ({ file, value: `${entry} ${rate}`, entry }));
}
