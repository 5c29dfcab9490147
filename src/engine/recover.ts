import { mapBounded } from '../base/bounded-map.ts';
import { withDeadline } from '../base/deadline.ts';
import { TEMPORARY_PREFIX } from '../base/effects.ts';
import { isolatedGroups } from '../isolators/contribute.ts';
import type { MonitorLink, ProcessEnd, ProcessIdentity } from '../launcher/launcher.ts';
import { type ContainerUid, isContainerUid } from '../model/container-id.ts';
import { systemErrorCode } from '../model/error.ts';
import { step } from '../model/wire.ts';
import type { Cleanups } from './cleanup.ts';
import { Container } from './container.ts';
import { finish } from './ending.ts';
import { engineErrors } from './errors.ts';
import { aboutContainer } from './happenings.ts';
import { BY, DEADLINES, type EngineHost } from './host.ts';
import { cleanIsolators } from './isolator-cleanup.ts';
import { containerPaths } from './paths.ts';
import type { ContainerRecord } from './record-format.ts';
import type { LoadedContainer } from './records.ts';
import { decideRecovery } from './recovery-decision.ts';
import { removeContainerTrees, removeSocketOnceGone } from './removal.ts';
import { inNextLife } from './restart-decision.ts';
import { mayRestart } from './restart-status.ts';
import { loadRestart, type Restarts } from './restarts.ts';
import type { Sessions } from './sessions.ts';
import { rebootedTermination } from './termination.ts';
import { resumeUpdate } from './update.ts';

/** Containers looked at side by side: enough to keep the disk busy, few enough not to flood the helper. */
const WIDTH = 16;
const SESSION_FILE = /^session-([0-9a-f]{12})\.json$/;

export interface RecoveryParts {
  readonly host: EngineHost;
  readonly cleanups: Cleanups;
  readonly sessions: Sessions;
  readonly restarts: Restarts;
  /** Watches a container that runs until its end. */
  readonly follow: (container: Container, link: MonitorLink) => void;
}

/**
 * Finds everything that an earlier engine on these directories left: running containers with their monitors, the end
 * of those that ended meanwhile, and leftovers of what was half done, which are swept.
 *
 * One container's damage never keeps the others from being found; it is reported.
 */
export async function recover(parts: RecoveryParts): Promise<void> {
  const { host } = parts;
  const [rooted, stated, tracked] = await Promise.all([
    listDirectory(host, host.paths.containers),
    listDirectory(host, host.paths.runs),
    host.launcher.containers(),
  ]);
  const uids = new Set<ContainerUid>(tracked);
  for (const name of [...rooted, ...stated]) {
    if (isContainerUid(name)) uids.add(name);
    else host.report({ what: `${name} is no container of ours and is left alone` });
  }
  await mapBounded([...uids], WIDTH, async (uid) => {
    try {
      await recoverOne(parts, uid);
    } catch (error) {
      host.report({ what: 'recovery', uid, error });
    }
  });
  await sweepSockets(parts);
  parts.restarts.open();
}

async function recoverOne(parts: RecoveryParts, uid: ContainerUid): Promise<void> {
  const { host, cleanups } = parts;
  const loaded = await host.records.load(uid);
  await sweepUnfinished(host, uid);
  for (const part of [loaded.termination, loaded.run, loaded.process]) {
    if (part.kind === 'damaged') host.report({ what: `damaged ${part.file}`, uid, error: part.error });
  }
  const decision = decideRecovery(loaded, host.bootId);
  switch (decision.kind) {
    case 'sweep':
      await sweep(parts, uid, loaded);
      return;
    case 'damaged':
      host.report({
        what: `damaged ${decision.file}: its processes are ended, its files stay`,
        uid,
        error: decision.error,
      });
      await host.launcher.destroy(uid, DEADLINES.killMs);
      return;
    case 'terminated': {
      const { container, decidedIn } = await reviveWithRestarts(host, loaded);
      if (loaded.termination.kind === 'present') container.resume('terminated', loaded.termination.value.termination);
      host.registry.add(container);
      await cleanUpIfNeeded(parts, container);
      parts.restarts.recovered(container, decidedIn);
      return;
    }
    case 'rebooted': {
      const { container, decidedIn } = await reviveWithRestarts(host, loaded);
      container.resume('running');
      host.registry.add(container);
      const atMs = host.effects.clock.nowMs();
      const termination = rebootedTermination(atMs);
      container.terminate(termination);
      host.events.emit({ ...aboutContainer(container), kind: 'terminated', atMs, termination });
      cleanups.begin(container);
      parts.restarts.recovered(container, decidedIn);
      return;
    }
    case 'reconnect':
      await reconnect(parts, uid, loaded);
      return;
  }
}

/** Nobody knows this container, so nobody is told; isolators are, where a record says which of them had a part in it. */
async function sweep({ host }: Pick<RecoveryParts, 'host'>, uid: ContainerUid, loaded: LoadedContainer): Promise<void> {
  await host.launcher.destroy(uid, DEADLINES.killMs);
  if (loaded.record.kind === 'present') {
    await cleanIsolators(host, revive(host, loaded));
    await host.records.forget(uid, loaded.record.value.config.autoRemove);
  }
  await removeContainerTrees(host, uid);
}

/** With what is known of its restarts, and the boot in which that was decided. */
async function reviveWithRestarts(
  host: EngineHost,
  loaded: LoadedContainer,
): Promise<{ readonly container: Container; readonly decidedIn: string }> {
  const container = revive(host, loaded);
  const { uid, bootId } = presentRecord(loaded);
  if (!mayRestart(container)) return { container, decidedIn: bootId };
  const restart = await loadRestart(host, uid, bootId);
  container.restart = restart.state;
  return { container, decidedIn: restart.bootId };
}

/** The container as its records tell it. */
function revive(host: EngineHost, loaded: LoadedContainer): Container {
  const record = presentRecord(loaded);
  const { uid, config, createdAtMs } = record;
  const container = new Container({ uid, config, createdAtMs, paths: containerPaths(host.paths, uid) });
  container.imageId = record.imageId;
  container.volumes = record.volumes ?? config.volumes;
  container.volumeImageIds = record.volumeImageIds ?? [];
  container.stopSignal = record.stopSignal;
  container.healthCheck = record.healthCheck;
  if (record.ids !== undefined) host.idRanges.hold(uid, record.ids);
  container.command = record.command;
  container.isolatorNames = record.isolators;
  container.isolators = host.isolators.filter(({ name }) => record.isolators.includes(name));
  if (loaded.run.kind === 'present' && loaded.run.value.bootId === host.bootId) {
    container.groups = isolatedGroups(loaded.run.value.plan);
    container.diskQuota = loaded.run.value.plan.diskQuota;
    const { userNamespace } = loaded.run.value.plan;
    if (userNamespace !== undefined) host.idRanges.hold(uid, userNamespace);
  }
  return container;
}

async function reconnect(parts: RecoveryParts, uid: ContainerUid, loaded: LoadedContainer): Promise<void> {
  const { host, sessions, follow, cleanups } = parts;
  const { container } = await reviveWithRestarts(host, loaded);
  container.restart = inNextLife(container.restart);
  container.resume((await host.launcher.isFrozen(uid)) ? 'paused' : 'running');
  if (loaded.process.kind === 'present') container.startedAtMs = loaded.process.value.startedAtMs;
  host.registry.add(container);
  await recoverIsolators(host, container);
  const link = await findMonitor(host, uid, loaded);
  if (link !== undefined) {
    container.socketGone = removeSocketOnceGone(host, link, container.paths.socketPath);
    await sessions.recover(container, await sessionIds(host, container));
    container.process = await link.cloned;
    // Between the checkpoint and the agent's end the process record may not have been written; the checkpoint's own
    // moment is the last thing known before the start.
    container.startedAtMs ??= container.createdAtMs;
    follow(container, link);
    await resumeUpdate(host, container);
    return;
  }
  container.process = recordedProcess(host, loaded);
  await finish(host, container, (await host.launcher.recordedEnd(uid)) ?? unseenEnd(host, loaded));
  parts.restarts.ended(container);
  cleanups.begin(container);
}

function recordedProcess(host: EngineHost, { process }: LoadedContainer): ProcessIdentity | undefined {
  if (process.kind !== 'present' || process.value.bootId !== host.bootId) return undefined;
  return { pid: process.value.pid, startTime: BigInt(process.value.startTime) };
}

/** An isolator that cannot is reported: its container runs on. */
async function recoverIsolators(host: EngineHost, container: Container): Promise<void> {
  for (const isolator of container.isolators) {
    if (isolator.recover === undefined) continue;
    try {
      await withDeadline(host.effects.clock, isolator.recover(container.isolated()), {
        ms: DEADLINES.hookMs,
        expired: () => engineErrors.overdue({ what: `recovery of ${isolator.name}`, ms: DEADLINES.hookMs }),
      });
    } catch (error) {
      host.report({ what: `recovery of ${isolator.name}`, uid: container.uid, error });
    }
  }
}

function unseenEnd(host: EngineHost, { process }: LoadedContainer): ProcessEnd & { readonly lostBecause: string } {
  const lostBecause =
    process.kind === 'present'
      ? 'its monitor vanished while no engine was there, so nobody saw the end'
      : 'the engine ended during its launch, so nobody knows how far it came';
  return { exitStatus: { kind: 'lost' }, atMs: host.effects.clock.nowMs(), outputComplete: false, lostBecause };
}

/** `undefined` when it is gone; a monitor of a version that we do not speak counts as gone, and is reported. */
async function findMonitor(
  host: EngineHost,
  uid: ContainerUid,
  loaded: LoadedContainer,
): Promise<MonitorLink | undefined> {
  if (loaded.run.kind !== 'present') return undefined;
  try {
    return await host.launcher.recover(uid, Buffer.from(loaded.run.value.controlTicket, 'hex'));
  } catch (error) {
    host.report({ what: 'reconnecting to its monitor', uid, error });
    return undefined;
  }
}

async function sessionIds(host: EngineHost, container: Container): Promise<readonly string[]> {
  const names = await listDirectory(host, container.paths.stateDir);
  return names.flatMap((name) => SESSION_FILE.exec(name)?.[1] ?? []);
}

/** A terminated container is clean once its state directory is gone: that is the last thing its cleanup does. */
async function cleanUpIfNeeded(parts: RecoveryParts, container: Container): Promise<void> {
  const { files } = parts.host.effects;
  const hasState = await files.exists(container.paths.stateDir);
  if (hasState || container.config.autoRemove) parts.cleanups.begin(container);
  else parts.cleanups.markClean(container);
}

/** Records that were being written when the last engine ended. */
async function sweepUnfinished(host: EngineHost, uid: ContainerUid): Promise<void> {
  const { rootDir, runtimeDir, stateDir } = containerPaths(host.paths, uid);
  for (const directory of [rootDir, runtimeDir, stateDir]) {
    const names = await listDirectory(host, directory);
    for (const name of names.filter((found) => found.startsWith(TEMPORARY_PREFIX))) {
      await host.effects.files.removeFile(`${directory}/${name}`);
    }
  }
}

/** Sockets of monitors that are no more: a connect to them would only be refused. */
async function sweepSockets({ host, sessions }: RecoveryParts): Promise<void> {
  const names = await listDirectory(host, host.paths.sockets);
  const isServed = (name: string): boolean => host.registry.find(name)?.link !== undefined || sessions.has(name);
  const stale = names.filter((name) => !isServed(name));
  if (stale.length === 0) return;
  try {
    await host.runHostSteps(stale.map((name) => step(BY, 'remove-tree', { directory: host.paths.sockets, name })));
  } catch (error) {
    host.report({ what: 'sweeping sockets', error });
  }
}

async function listDirectory(host: EngineHost, directory: string): Promise<readonly string[]> {
  try {
    return await host.effects.files.list(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function presentRecord(loaded: LoadedContainer): ContainerRecord {
  if (loaded.record.kind !== 'present') throw new Error('a container without a record is swept, not revived');
  return loaded.record.value;
}
