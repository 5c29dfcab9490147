import { hasLabel } from '../model/label-filter.ts';
import type { EventFilter, Happening } from './event.ts';

/** Whether an event is one that is wanted. Pure. */
export function isWantedEvent(event: Happening, filter: EventFilter): boolean {
  const { containers, labels, kinds, subjects, images, volumes } = filter;
  return (
    fits(subjects, (subject) => event.subject === subject) &&
    fits(kinds, (kind) => event.kind === kind) &&
    fits(containers, (id) => isContainer(event, id)) &&
    fits(images, (image) => isImage(event, image)) &&
    fits(volumes, (volume) => event.subject === 'volume' && event.volume === volume) &&
    (labels ?? []).every((label) => event.subject === 'container' && hasLabel(event.labels, label))
  );
}

function fits(wanted: readonly string[] | undefined, isOne: (value: string) => boolean): boolean {
  return wanted === undefined || wanted.length === 0 || wanted.some(isOne);
}

function isContainer(event: Happening, id: string): boolean {
  if (event.subject !== 'container') return false;
  return event.name === id || (id !== '' && event.uid.startsWith(id));
}

function isImage(event: Happening, image: string): boolean {
  if (event.subject === 'volume') return false;
  return event.image === image || (event.subject === 'image' && event.imageId === image);
}
