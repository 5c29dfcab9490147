import type { Diagnostics } from '../../engine/diagnostics/diagnostics-facade.ts';
import type { ContainerStatus, Engine } from '../../engine/facade.ts';
import type { ContainerConfig } from '../../model/container-config.ts';
import { parseContainerUid } from '../../model/container-id.ts';
import { EngineError } from '../../model/error.ts';

const UID = parseContainerUid('0123456789ab');

/** A status as a running container has it. */
export function statusOf(config: ContainerConfig): ContainerStatus {
  return {
    uid: UID,
    config,
    ...{ parent: undefined, path: config.name, depth: 1, children: [] },
    state: 'running',
    createdAtMs: 1_000,
    startedAtMs: 2_000,
    pid: 42,
    imageId: undefined,
    backend: undefined,
    command: ['true'],
    isolators: ['filesystem/linux'],
    volumes: config.volumes,
    disk: undefined,
    limitations: [],
    termination: undefined,
    health: undefined,
    readiness: undefined,
    restart: { policy: { kind: 'no' }, count: 0, isStopped: false, nextAttemptAtMs: undefined },
    sandboxDir: '/r/sandbox',
    logDir: '/r/logs',
  };
}

/** What an engine tells of itself that does nothing and has counted nothing. */
export function fakeDiagnostics(parts: Partial<Diagnostics>): Diagnostics {
  return { metrics: () => [], operations: () => [], damagedRecords: () => [], cancel: () => {}, ...parts };
}

/** What looks after a disk that nobody asks about. */
const refuseUpkeep = () => Promise.reject(new Error('no upkeep here'));
export const fakeUpkeep: Engine['upkeep'] = {
  diskUse: refuseUpkeep,
  pruneImages: refuseUpkeep,
  verifyImages: refuseUpkeep,
};

/** An engine that does what a test gives it, and refuses all else. */
export function fakeEngine(parts: Partial<Engine>): Engine {
  return new Proxy(parts, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (async () => {
        throw new EngineError({ kind: 'unimplemented', code: 'fake.missing', message: `no ${String(name)} here` });
      }),
  }) as Engine;
}
