import { expect, test } from 'vitest';
import type { Clock } from '../../../base/effects.ts';
import type { EngineEvent } from '../../../engine/event.ts';
import type { Engine } from '../../../engine/facade.ts';
import { parseContainerUid } from '../../../model/container-id.ts';
import { completeConfig } from '../../../model/container-request.ts';
import { parseDigest } from '../../../model/digest.ts';
import { fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import { RecordParser } from './record-io.ts';
import { subscriptionRecords } from './subscription.ts';

const ABOUT = {
  subject: 'container',
  uid: parseContainerUid('0123456789ab'),
  name: 'web',
  labels: { a: 'b' },
} as const;
const IMAGE_ID = parseDigest(`sha256:${'a'.repeat(64)}`);
const EVENTS: readonly EngineEvent[] = [
  { ...ABOUT, kind: 'created', atMs: 2, position: '00000000-8' },
  {
    ...{ ...ABOUT, kind: 'terminated', atMs: 3, position: '00000000-9' },
    termination: {
      ...{ exitStatus: { kind: 'exited', code: 7 }, reason: 'exited', message: 'exited with code 7' },
      ...{ limitations: [], startedAtMs: 2, finishedAtMs: 3 },
    },
  },
  { ...{ subject: 'stream', kind: 'gap', atMs: 4 }, missed: 5, position: '00000000-14' },
  { ...ABOUT, kind: 'removed', atMs: 5, position: '00000000-15' },
  { subject: 'image', kind: 'pulled', atMs: 6, image: 'app:1', imageId: IMAGE_ID, position: '00000000-16' },
  { subject: 'image', kind: 'copied', atMs: 7, image: 'oci:/b', source: 'oci:/a', position: '00000000-17' },
  { subject: 'image', kind: 'removed', atMs: 8, image: 'app:1', imageId: IMAGE_ID, position: '00000000-18' },
];

/** Time passes as soon as somebody waits for it; `waits` tells how often it does. */
function clockOf(waits: number): Clock {
  let left = waits;
  return {
    ...{ nowMs: () => 0, monotonicMs: () => 0, sleep: async () => {} },
    after: (_ms, run) => {
      if (left-- > 0) queueMicrotask(run);
      return () => {};
    },
  };
}

async function recordsOf(engine: Engine, { waits = 0, position }: { waits?: number; position?: string } = {}) {
  const parser = new RecordParser();
  const found: unknown[] = [];
  const { signal } = new AbortController();
  for await (const bytes of subscriptionRecords(engine, clockOf(waits), { position, signal })) {
    for (const record of parser.push(bytes)) found.push(JSON.parse(Buffer.from(record).toString()));
  }
  return found;
}

const queries: unknown[] = [];
const engine = fakeEngine({
  eventPosition: () => '00000000-7',
  list: async () => [statusOf(completeConfig({ name: 'old', rootfs: { kind: 'none' }, command: ['true'] }))],
  async *events(_signal, query) {
    queries.push(query);
    yield* EVENTS;
  },
});

test('a subscription begins with what is alive and goes on with what happens to containers and images', async () => {
  const id = { container_id: { value: 'web' } };
  expect(await recordsOf(engine)).toMatchObject([
    {
      type: 'SUBSCRIBED',
      subscribed: {
        get_containers: { containers: [{ container_id: { value: 'old' }, container_status: { executor_pid: 42 } }] },
        heartbeat_interval_seconds: 15,
        position: '00000000-7',
      },
    },
    { type: 'CONTAINER_ADDED', container_added: { ...id, kind: 'created', timestamp: { nanoseconds: 2_000_000 } } },
    {
      type: 'CONTAINER_UPDATED',
      container_updated: { ...id, kind: 'terminated', termination: { exit_status: 7 << 8 }, position: '00000000-9' },
    },
    { type: 'GAP', gap: { missed: 5, position: '00000000-14' } },
    { type: 'CONTAINER_REMOVED', container_removed: { ...id, labels: { labels: [{ key: 'a', value: 'b' }] } } },
    { type: 'IMAGE_ADDED', image_added: { kind: 'pulled', image: 'app:1', image_id: IMAGE_ID } },
    { type: 'IMAGE_UPDATED', image_updated: { kind: 'copied', image: 'oci:/b', source: 'oci:/a' } },
    { type: 'IMAGE_REMOVED', image_removed: { image: 'app:1', timestamp: { nanoseconds: 8_000_000 } } },
  ]);
});

test('a subscription goes on after the position that it is given', async () => {
  await recordsOf(engine, { position: '00000000-3' });
  expect(queries.at(-1)).toEqual({ after: '00000000-3', subjects: ['container', 'image'] });
});

test('a silent subscription has heartbeats', async () => {
  const silent = fakeEngine({
    ...{ eventPosition: () => '00000000-7', list: async () => [] },
    async *events() {
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  const types = (await recordsOf(silent, { waits: 2 })).map((one) => (one as { readonly type: string }).type);
  expect(types).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'HEARTBEAT']);
});
