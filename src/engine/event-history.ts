import { type Effects, TEMPORARY_PREFIX } from '../base/effects.ts';
import { isErrorOfKind, systemErrorCode } from '../model/error.ts';
import type { PositionedHappening } from './event.ts';
import type { EventHistory, Events } from './events.ts';
import type { EnginePaths } from './paths.ts';
import type { EngineProblem } from './problem.ts';

const SCHEMA_VERSION = 1;
const EPOCH_BYTES = 4;

type Report = (problem: EngineProblem) => void;

/**
 * What an engine that was closed has left of its events. After one that was killed there is nothing, and a new epoch
 * begins: nobody can say how many events were not told. Whatever is found is gone before the first event, so that no
 * two engines go on from the same place (docs/adr/0104).
 */
export async function takeHistory(
  { files, random, clock }: Effects,
  paths: Pick<EnginePaths, 'stateDir' | 'eventsFile'>,
  report: Report,
): Promise<EventHistory> {
  const fresh = (): EventHistory => ({
    ...{ epoch: Buffer.from(random.bytes(EPOCH_BYTES)).toString('hex'), lastNumber: 0 },
    ...{ knownSinceMs: clock.nowMs(), kept: [] },
  });
  try {
    const names = await files.list(paths.stateDir);
    for (const name of names.filter((found) => found.startsWith(TEMPORARY_PREFIX))) {
      await files.removeFile(`${paths.stateDir}/${name}`);
    }
    const text = await files.readText(paths.eventsFile);
    await files.removeFile(paths.eventsFile);
    return parseHistory(JSON.parse(text)) ?? fresh();
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') report({ what: 'events of an earlier engine', error });
    return fresh();
  }
}

/** Once nothing happens any more. Without it the next engine begins a new epoch. */
export async function leaveHistory(
  { files }: Effects,
  { eventsFile }: Pick<EnginePaths, 'eventsFile'>,
  { events, report }: { readonly events: Events; readonly report: Report },
): Promise<void> {
  try {
    await files.writeAtomic(eventsFile, JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...events.history() }));
  } catch (error) {
    if (!isErrorOfKind(error, 'unavailable')) report({ what: 'events for the next engine', error });
  }
}

/** @returns `undefined` for what no version of ours wrote */
function parseHistory(value: unknown): EventHistory | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { schemaVersion, epoch, lastNumber, knownSinceMs, kept } = value as Readonly<Record<string, unknown>>;
  if (schemaVersion !== SCHEMA_VERSION || typeof epoch !== 'string' || !/^[0-9a-f]{8}$/.test(epoch)) return undefined;
  if (!Number.isSafeInteger(lastNumber) || !Number.isFinite(knownSinceMs) || !Array.isArray(kept)) return undefined;
  const isInOrder = kept.every(
    (event, index) => event?.position === `${epoch}-${(lastNumber as number) - kept.length + 1 + index}`,
  );
  if (!isInOrder) return undefined;
  return {
    ...{ epoch, lastNumber: lastNumber as number, knownSinceMs: knownSinceMs as number },
    kept: kept as readonly PositionedHappening[],
  };
}
