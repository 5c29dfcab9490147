import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import type { VolumeStatus } from '../../../engine/volume-facade.ts';
import { type ContainerUid, parseContainerUid } from '../../../model/container-id.ts';
import { completeConfig } from '../../../model/container-request.ts';
import { EngineError } from '../../../model/error.ts';
import { statusOf } from '../fake-engine.fixture.ts';

export const MINE = parseContainerUid('aaaaaaaaaaaa');
export const THEIRS = parseContainerUid('bbbbbbbbbbbb');
export const MY_SESSION = 'aaaa00000000';
export const THEIR_SESSION = 'bbbb00000000';
/** Stands in all that is foreign, and must be in no answer. */
export const MARK = 'none-of-your-business';

function container(uid: ContainerUid, name: string, labels: Record<string, string>): ContainerStatus {
  const rootfs = { kind: 'image', reference: 'hello' } as const;
  return { ...statusOf(completeConfig({ name, labels, rootfs, command: ['sleep'] })), uid };
}

function volume(name: string, labels: Record<string, string>): VolumeStatus {
  return { ...{ name, labels, driver: 'local', options: {}, createdAtMs: 1, anonymous: false, used: false } } as never;
}

const CONTAINERS = [container(MINE, 'mine', { team: 'a' }), container(THEIRS, 'theirs', { team: 'b', MARK })];
const VOLUMES = [volume('my-data', { team: 'a' }), volume('their-data', { team: 'b', MARK })];

/**
 * An engine with a container, a volume and a session of team a, and the same of team b. What is done goes to `done`; what
 * it does it says nothing of.
 */
export function dividedEngine(done: (call: string, values: readonly unknown[]) => void): Engine {
  const find = (id: string): ContainerStatus | undefined =>
    CONTAINERS.find(({ uid, config }) => uid === id || config.name === id) ??
    CONTAINERS.find(({ uid }) => /^[0-9a-f]+$/.test(id) && uid.startsWith(id));
  const missing = (what: string): never => {
    throw new EngineError({ kind: 'not-found', code: 'engine.unknown', message: `no ${what}` });
  };
  const looks: Partial<Engine> = {
    check: async (id) => find(id),
    status: async (id) => find(id) ?? missing(id),
    list: async () => CONTAINERS,
    stats: async ({ ids } = {}) => {
      const some = ids === undefined ? CONTAINERS : CONTAINERS.filter(({ uid }) => ids.includes(uid));
      for (const id of ids ?? []) done('stats', [id]);
      return some.map(({ uid, config }) => ({ uid, name: config.labels.MARK ?? config.name }) as never);
    },
    events: async function* () {
      const common = { atMs: 1, position: 'e-1' };
      for (const { uid, config } of CONTAINERS) {
        const { labels, name } = config;
        yield { subject: 'container', kind: 'started', uid, name, labels, ...common };
      }
      for (const { name } of VOLUMES) yield { subject: 'volume', kind: 'created', volume: name, ...common };
    },
    listImages: async () => [],
  };
  const volumes: Record<string, unknown> = {
    list: async () => VOLUMES,
    get: async (name: string) => VOLUMES.find((one) => one.name === name) ?? missing(name),
    prune: async (request: unknown) => {
      done('prune', [request]);
      return [];
    },
  };
  const streams: Engine['streams'] = {
    containerOf: async (id) => (id === MY_SESSION ? MINE : id === THEIR_SESSION ? THEIRS : missing(id)),
    endOf: async () => undefined,
    forgetEnd: async (id, name) => done('forgetEnd', [id, name]),
    socketOf: async (id) => {
      done('socketOf', [id]);
      throw new EngineError({ kind: 'unimplemented', code: 'fake.done', message: 'it would be joined now' });
    },
  };
  const diagnostics = { metrics: () => [] };
  const recorded = (known: object, path: string) =>
    new Proxy(known, {
      get: (target, name) =>
        Reflect.get(target, name) ??
        (async (...values: unknown[]) => {
          done(`${path}${String(name)}`, values);
          throw new EngineError({ kind: 'unimplemented', code: 'fake.done', message: 'it would be done now' });
        }),
    });
  const [sandboxes, files] = [recorded({}, 'sandboxes.'), recorded({}, 'files.')];
  const images = { written: recorded({}, 'written.'), imageRecords: recorded({}, 'imageRecords.') };
  const parts = { sandboxes, files, registries: recorded({}, 'registries.'), ...images };
  return recorded({ ...looks, ...parts, streams, diagnostics, volumes: recorded(volumes, 'volumes.') }, '') as Engine;
}
