import type { Termination } from '../../model/exit-status.ts';
import { visible } from './format.ts';

/** An event as the agent tells it (faces/agent/event-schemas.ts). */
export interface EventJson {
  readonly subject: string;
  readonly kind: string;
  readonly atMs: number;
  readonly position: string;
  readonly uid?: string;
  readonly name?: string;
  readonly image?: string;
  readonly imageId?: string;
  readonly digest?: string;
  readonly source?: string;
  readonly volume?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly limitation?: { readonly times: number; readonly message: string };
  readonly termination?: Pick<Termination, 'reason' | 'message' | 'exitStatus'>;
  readonly health?: string;
  readonly isReady?: boolean;
  readonly missed?: number | 'unknown';
}

/** `TIME SUBJECT KIND WHO (key=value, …)`, as `docker events` prints it. */
export function eventLine(event: EventJson): string {
  const time = new Date(event.atMs).toISOString();
  if (event.subject === 'stream') {
    const count = event.missed === 'unknown' ? 'nobody knows how many' : `${event.missed}`;
    return `${time} stream gap (${count} events are missing here)`;
  }
  const who = event.uid ?? event.volume ?? event.imageId ?? event.image ?? '';
  const details = Object.entries(detailsOf(event)).map(([key, value]) => `${key}=${value}`);
  const tail = details.length === 0 ? '' : ` (${details.join(', ')})`;
  return visible(`${time} ${event.subject} ${event.kind} ${who}${tail}`.replaceAll(/[\t\n]/g, ' '));
}

function detailsOf(event: EventJson): Record<string, string> {
  const { name, image, digest, source, labels = {}, termination, limitation, subject, health, isReady } = event;
  return {
    ...(name === undefined ? {} : { name }),
    ...(image === undefined || (subject === 'image' && image === '') ? {} : { image }),
    ...(digest === undefined ? {} : { digest }),
    ...(source === undefined ? {} : { source }),
    ...(termination === undefined ? {} : { reason: termination.reason, message: termination.message }),
    ...(limitation === undefined ? {} : { message: limitation.message }),
    ...(health === undefined ? {} : { health }),
    ...(isReady === undefined ? {} : { ready: String(isReady) }),
    ...labels,
  };
}
