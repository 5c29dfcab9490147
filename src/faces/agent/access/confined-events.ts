import type { EngineEvent } from '../../../engine/event.ts';
import type { Engine } from '../../../engine/facade.ts';
import { ownLabels } from '../../../engine/image-labels.ts';
import { isErrorOfKind } from '../../../model/error.ts';

/** What tells whether something is the caller's: lists and look-ups that show nothing else. */
type OwnThings = Pick<Engine, 'list' | 'check' | 'volumes'>;

/**
 * Events of what is the caller's; images are everybody's. What is gone when its event is read is known by events before, or
 * by `isOurs`, which goes by what the event itself tells.
 */
export async function* eventsOfOurs(
  own: OwnThings,
  events: AsyncIterable<EngineEvent>,
  isOurs: (container: { readonly uid: string; readonly labels: Readonly<Record<string, string>> }) => boolean,
): AsyncGenerator<EngineEvent> {
  const containers = new Set<string>((await own.list()).map(({ uid }) => uid));
  const volumes = new Set<string>((await own.volumes.list()).map(({ name }) => name));
  for await (const event of events) {
    if (event.subject === 'container') {
      const { uid, kind } = event;
      const labels = ownLabels(event.labels, event.inheritedLabels);
      if (!containers.has(uid) && (isOurs({ uid, labels }) || (await own.check(uid))?.uid === uid)) containers.add(uid);
      if (containers.has(uid)) yield event;
      if (kind === 'removed') containers.delete(uid);
    } else if (event.subject === 'volume') {
      const { volume, kind } = event;
      if (!volumes.has(volume) && (await isThere(own.volumes, volume))) volumes.add(volume);
      if (volumes.has(volume)) yield event;
      if (kind === 'removed') volumes.delete(volume);
    } else {
      yield event;
    }
  }
}

async function isThere(volumes: Engine['volumes'], name: string): Promise<boolean> {
  return volumes.get(name).then(
    () => true,
    (error: unknown) => {
      if (isErrorOfKind(error, 'not-found')) return false;
      throw error;
    },
  );
}
