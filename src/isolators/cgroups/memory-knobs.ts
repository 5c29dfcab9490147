import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import { type KnobInput, optionalKnob, whenAsked } from './controller.ts';
import { cgroupsErrors } from './errors.ts';

/** No bound of swap, as Docker writes it. */
const UNLIMITED = -1;

/** @throws {EngineError} `cgroups.otherVersion`, `cgroups.knobMissing` (failed-precondition) */
export function memoryKnobs(input: KnobInput): readonly CgroupKnob[] {
  return input.version === 2 ? knobs2(input) : knobs1(input);
}

/** The kernel refuses a bound of memory and swap below that of memory, so it comes second. */
function knobs1(input: KnobInput): readonly CgroupKnob[] {
  const { resources, host } = input;
  refuseOther(1, [
    ['a memory throttle limit', resources.memoryHighBytes],
    ['the OOM group kill', resources.memoryOomGroup],
  ]);
  const { memoryLimitBytes, memoryReservationBytes, memorySwappiness, oomKillDisabled } = resources;
  return [
    ...whenAsked(memoryLimitBytes, (limit) => ({ file: CGROUP1.memoryLimit, value: `${limit}` })),
    ...swapKnob(input, CGROUP1.memorySwapLimit, (limit, total) => `${total ?? limit}`),
    ...whenAsked(memoryReservationBytes, (bytes) =>
      optionalKnob(host, 'a memory reservation', { file: CGROUP1.memorySoftLimit, value: `${bytes}` }),
    ),
    ...whenAsked(memorySwappiness, (value) =>
      optionalKnob(host, 'a swappiness', { file: CGROUP1.memorySwappiness, value: `${value}` }),
    ),
    ...(oomKillDisabled === true ? [{ file: CGROUP1.memoryOomControl, value: '1' }] : []),
  ];
}

/** What is protected, then where it is slowed down, then where it ends. */
function knobs2(input: KnobInput): readonly CgroupKnob[] {
  const { resources, host } = input;
  refuseOther(2, [
    ['a swappiness', resources.memorySwappiness],
    ['the OOM killer switched off', resources.oomKillDisabled],
  ]);
  const { memoryLimitBytes, memoryReservationBytes, memoryHighBytes, memoryOomGroup } = resources;
  return [
    ...whenAsked(memoryReservationBytes, (bytes) => ({ file: CGROUP2.memoryLow, value: `${bytes}` })),
    ...whenAsked(memoryHighBytes, (bytes) => ({ file: CGROUP2.memoryHigh, value: `${bytes}` })),
    ...whenAsked(memoryLimitBytes, (limit) => ({ file: CGROUP2.memoryMax, value: `${limit}` })),
    ...swapKnob(input, CGROUP2.memorySwapMax, (limit, total) =>
      total === UNLIMITED ? 'max' : `${(total ?? limit) - limit}`,
    ),
    ...(memoryOomGroup === true
      ? [optionalKnob(host, 'the OOM group kill', { file: CGROUP2.memoryOomGroup, value: '1' })]
      : []),
  ];
}

/**
 * Bounded memory without a word about swap has none of it. A host that cannot bound swap is told only to who asked:
 * the memory limit stands alone otherwise.
 */
function swapKnob(
  { resources: { memoryLimitBytes, memorySwapBytes }, host }: KnobInput,
  file: string,
  limitOf: (limitBytes: number, totalBytes: number | undefined) => string,
): readonly CgroupKnob[] {
  if (memoryLimitBytes === undefined) return [];
  const knob = { file, value: limitOf(memoryLimitBytes, memorySwapBytes) };
  if (memorySwapBytes !== undefined) return [optionalKnob(host, 'a bound of memory and swap', knob)];
  return host.cgroupFeatures.includes(file) ? [knob] : [];
}

function refuseOther(
  version: 1 | 2,
  asked: readonly (readonly [wanted: string, value: number | boolean | undefined])[],
): void {
  const refused = asked.find(([, value]) => value !== undefined && value !== false);
  if (refused === undefined) return;
  throw cgroupsErrors.otherVersion({ wanted: refused[0], controller: 'memory', only: version === 1 ? 2 : 1, version });
}
