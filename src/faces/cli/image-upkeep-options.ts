import type { ImageCollectionPolicy } from '../../model/image-upkeep.ts';
import { cliErrors } from './errors.ts';
import { parseCount, parseDuration, parseMoment } from './values.ts';

/** What `image prune` was told, as the agent takes it. */
interface PruneFlags {
  readonly all?: boolean;
  readonly filter?: readonly string[];
  readonly olderThan?: string;
  readonly keepNewest?: string;
  readonly lowWater?: string;
  readonly dryRun?: boolean;
}

/** What the agent is asked to prune; it knows the other fields. */
export interface PruneRequest {
  readonly dryRun: boolean;
  readonly [field: string]: unknown;
}

const FILTERS = 'until=, label=KEY[=VALUE], label!=KEY[=VALUE] or dangling=true|false';

/** @throws {EngineError} `cli.badValue` */
export function pruneRequest(flags: PruneFlags, nowMs: number): PruneRequest {
  const { olderThan, keepNewest, lowWater } = flags;
  return {
    all: flags.all === true,
    dryRun: flags.dryRun === true,
    ...filtersOf(flags.filter ?? [], nowMs),
    ...(olderThan !== undefined && { unusedForMs: parseDuration('--older-than', olderThan) }),
    ...(keepNewest !== undefined && { keepNewest: parseCount('--keep-newest', keepNewest, 1) }),
    ...(lowWater !== undefined && { lowWaterPercent: parsePercent('--low-water', lowWater) }),
  };
}

/** As Docker has them: `until` is when an image was made, and `dangling=false` means the named ones, too. */
function filtersOf(filters: readonly string[], nowMs: number): object {
  const labels: string[] = [];
  const withoutLabels: string[] = [];
  let createdBeforeMs: number | undefined;
  let all: boolean | undefined;
  for (const filter of filters) {
    const [, name, sign, value = ''] = /^([a-z]+)(!?=)(.+)$/s.exec(filter) ?? [];
    if (name === 'label') (sign === '!=' ? withoutLabels : labels).push(value);
    else if (name === 'until' && sign === '=') {
      createdBeforeMs = Math.min(parseMoment('--filter', value, nowMs), createdBeforeMs ?? Number.POSITIVE_INFINITY);
    } else if (name === 'dangling' && sign === '=' && ['true', 'false', '1', '0'].includes(value)) {
      all = value === 'false' || value === '0';
    } else throw cliErrors.badValue({ option: '--filter', value: filter, wanted: FILTERS });
  }
  return {
    ...{ labels, withoutLabels },
    ...(createdBeforeMs !== undefined && { createdBeforeMs }),
    ...(all !== undefined && { all }),
  };
}

const DEFAULT_EVERY_MS = 5 * 60_000;
const LEAST_EVERY_MS = 1000;
const POLICY = 'some of high=85%,low=80%,older-than=720h,keep-newest=3,every=5m';

/** `--image-gc`: what the agent collects by itself. @throws {EngineError} `cli.badValue` */
export function parseImageCollection(value: string, option = '--image-gc'): ImageCollectionPolicy {
  const refuse = (): never => {
    throw cliErrors.badValue({ option, value, wanted: POLICY });
  };
  const said = new Map<string, string>();
  for (const word of value.split(',')) {
    const [, name = '', text = ''] = /^([a-z-]+)=(.+)$/.exec(word) ?? refuse();
    if (said.has(name)) refuse();
    said.set(name, text);
  }
  const take = <Value>(name: string, parse: (option: string, text: string) => Value): Value | undefined => {
    const text = said.get(name);
    said.delete(name);
    return text === undefined ? undefined : parse(option, text);
  };
  const highWaterPercent = take('high', parsePercent);
  const lowWaterPercent = take('low', parsePercent);
  const unusedForMs = take('older-than', parseDuration);
  const keepNewest = take('keep-newest', (_, text) => parseCount(option, text, 1));
  const everyMs = take('every', parseDuration) ?? DEFAULT_EVERY_MS;
  const isEmpty = highWaterPercent === undefined && unusedForMs === undefined && keepNewest === undefined;
  // A low mark says when to stop, and means nothing without the high one that begins.
  if (said.size > 0 || isEmpty || everyMs < LEAST_EVERY_MS) refuse();
  if (lowWaterPercent !== undefined && lowWaterPercent > (highWaterPercent ?? -1)) refuse();
  return {
    everyMs,
    ...(unusedForMs !== undefined && { unusedForMs }),
    ...(keepNewest !== undefined && { keepNewest }),
    ...(highWaterPercent !== undefined && { highWaterPercent }),
    ...(lowWaterPercent !== undefined && { lowWaterPercent }),
  };
}

function parsePercent(option: string, value: string): number {
  const percent = /^\d{1,3}(?:\.\d+)?%?$/.test(value) ? Number(value.replace('%', '')) : Number.NaN;
  if (!(percent <= 100)) throw cliErrors.badValue({ option, value, wanted: 'a part of the disk such as 80%' });
  return percent;
}
