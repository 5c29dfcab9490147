import type { Clock } from '../../../base/effects.ts';
import type { ContainerHappening, EngineEvent, ImageHappening } from '../../../engine/event.ts';
import type { Engine } from '../../../engine/facade.ts';
import { exactInteger } from './exact-integer.ts';
import { encodeRecord } from './record-io.ts';
import { containerAnswer, terminationAnswer } from './translate-answers.ts';

type Json = Readonly<Record<string, unknown>>;

const HEARTBEAT_MS = 15_000;
const NS_PER_MS = 1_000_000n;

/**
 * The events of a subscription as records: first SUBSCRIBED with all that is alive, then what happens to containers and images, with a
 * heartbeat where nothing does. Between the two nothing is missed, and what happens at that moment may be told twice.
 */
export async function* subscriptionRecords(
  engine: Engine,
  clock: Clock,
  { position, signal }: { readonly position: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const after = position ?? engine.eventPosition();
  const events = engine.events(signal, { after, subjects: ['container', 'image'] })[Symbol.asyncIterator]();
  const containers = (await engine.list()).filter(({ termination }) => termination === undefined);
  yield record('SUBSCRIBED', {
    get_containers: { containers: containers.map((one) => containerAnswer(one, undefined)) },
    heartbeat_interval_seconds: HEARTBEAT_MS / 1000,
    position: after,
  });
  try {
    for (let next = events.next(); ; ) {
      const result = await orSilence(next, clock);
      if (result === 'silence') {
        yield record('HEARTBEAT', undefined);
        continue;
      }
      if (result.done === true) return;
      yield recordOf(result.value);
      next = events.next();
    }
  } finally {
    // Waits for nothing: the iterator ends with the signal, and that may come later than our reader's leave.
    void events.return?.();
  }
}

async function orSilence<Value>(waited: Promise<Value>, clock: Clock): Promise<Value | 'silence'> {
  const silence = Promise.withResolvers<'silence'>();
  const cancel = clock.after(HEARTBEAT_MS, () => silence.resolve('silence'));
  try {
    return await Promise.race([waited, silence.promise]);
  } finally {
    cancel();
  }
}

function recordOf(event: EngineEvent): Uint8Array {
  const { position, atMs } = event;
  const timestamp = { nanoseconds: exactInteger(BigInt(Math.round(atMs)) * NS_PER_MS) };
  if (event.subject === 'stream') return record('GAP', { missed: event.missed, position });
  if (event.subject === 'image') {
    const { kind, image, imageId, digest, source } = event;
    const known = { ...(imageId && { image_id: imageId }), ...(digest && { digest }), ...(source && { source }) };
    return record(IMAGE_TYPE_OF[kind], { position, timestamp, kind, image, ...known });
  }
  // The subscription asks for no others.
  const { uid, name, kind, labels, termination, limitation } = event as ContainerHappening;
  return record(TYPE_OF[kind], {
    ...{ container_id: containerId(name), position, timestamp, kind, uid },
    labels: { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) },
    ...(termination === undefined ? {} : { termination: terminationAnswer(termination) }),
    ...(limitation === undefined ? {} : { message: limitation.message }),
  });
}

/** A path `web/db` is the id of `db` in `web`. */
function containerId(path: string): Json {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? { value: path } : { value: path.slice(slash + 1), parent: containerId(path.slice(0, slash)) };
}

/** In the manner of the subscription to a Mesos master (TASK_ADDED, TASK_UPDATED); its agents have none. */
const TYPE_OF: Readonly<Record<ContainerHappening['kind'], string>> = {
  created: 'CONTAINER_ADDED',
  started: 'CONTAINER_UPDATED',
  paused: 'CONTAINER_UPDATED',
  unpaused: 'CONTAINER_UPDATED',
  updated: 'CONTAINER_UPDATED',
  oom: 'CONTAINER_UPDATED',
  limitation: 'CONTAINER_UPDATED',
  terminated: 'CONTAINER_UPDATED',
  restarting: 'CONTAINER_UPDATED',
  restarted: 'CONTAINER_UPDATED',
  health: 'CONTAINER_UPDATED',
  readiness: 'CONTAINER_UPDATED',
  removed: 'CONTAINER_REMOVED',
};

const IMAGE_TYPE_OF: Readonly<Record<ImageHappening['kind'], string>> = {
  pulled: 'IMAGE_ADDED',
  loaded: 'IMAGE_ADDED',
  imported: 'IMAGE_ADDED',
  committed: 'IMAGE_ADDED',
  tagged: 'IMAGE_UPDATED',
  untagged: 'IMAGE_UPDATED',
  saved: 'IMAGE_UPDATED',
  pushed: 'IMAGE_UPDATED',
  copied: 'IMAGE_UPDATED',
  removed: 'IMAGE_REMOVED',
};

function record(type: string, fields: Json | undefined): Uint8Array {
  const body = fields === undefined ? { type } : { type, [type.toLowerCase()]: fields };
  return encodeRecord(Buffer.from(JSON.stringify(body)));
}
