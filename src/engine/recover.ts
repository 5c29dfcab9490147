import { mapBounded } from '../base/bounded-map.ts';
import { TEMPORARY_PREFIX } from '../base/effects.ts';
import type { MonitorLink, ProcessIdentity } from '../launcher/launcher.ts';
import { listOrNothing } from '../linux/missing-files.ts';
import { type ContainerUid, isContainerUid } from '../model/container-id.ts';
import { step } from '../model/wire.ts';
import type { Cleanups } from './cleanup.ts';
import type { Container } from './container.ts';
import { endChildren, SIGKILL } from './destroy.ts';
import { finish, type UnseenEnd } from './ending.ts';
import { findMonitor } from './found-monitor.ts';
import { aboutContainer } from './happenings.ts';
import { BY, DEADLINES, type EngineHost } from './host.ts';
import { cleanIsolators } from './isolator-cleanup.ts';
import { type ListedFiles, listContainer } from './listed-files.ts';
import { containerPaths } from './paths.ts';
import { damageOf } from './problem.ts';
import { isMissing } from './record-files.ts';
import type { LoadedContainer } from './records.ts';
import { decideRecovery, levelsOf, type RecoveryDecision } from './recovery-decision.ts';
import { removeContainerTrees, removeSocketOnceGone } from './removal.ts';
import { inSameLife } from './restart-decision.ts';
import { mayRestart } from './restart-status.ts';
import { loadRestart, type Restarts } from './restarts.ts';
import { revive } from './revive.ts';
import type { Sessions } from './sessions.ts';
import { unseenTermination } from './termination.ts';
import { resumeUpdate } from './update.ts';
import { goOnAsBefore } from './written/standing-still.ts';

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
    listOrNothing(host.effects.files, host.paths.containers),
    listOrNothing(host.effects.files, host.paths.runs),
    host.launcher.containers(),
  ]);
  const uids = new Set<ContainerUid>(tracked);
  for (const name of [...rooted, ...stated]) {
    if (isContainerUid(name)) uids.add(name);
    else host.report({ what: `${name} is no container of ours and is left alone` });
  }
  const loaded = await loadAll(host, [...uids]);
  const ended: Container[] = [];
  // A container is found before those that live in it.
  for (const level of levelsOf(loaded)) {
    await mapBounded(level, WIDTH, async ([uid, found]) => {
      try {
        const noteEnded = (container: Container) => ended.push(container);
        host.metrics.recovered(await recoverOne({ ...parts, noteEnded }, uid, found));
      } catch (error) {
        host.metrics.recovered('failed');
        host.report({ what: 'recovery', uid, error });
      }
    });
  }
  for (const container of ended) void endChildren(host, container).then(() => parts.cleanups.begin(container));
  await sweepSockets(parts);
  parts.restarts.open();
}

/** What was found of one container. */
interface FoundContainer extends LoadedContainer {
  readonly files: ListedFiles;
}

/** One that cannot be read is reported and left as it is. */
async function loadAll(
  host: EngineHost,
  uids: readonly ContainerUid[],
): Promise<ReadonlyMap<ContainerUid, FoundContainer>> {
  const all = new Map<ContainerUid, FoundContainer>();
  await mapBounded(uids, WIDTH, async (uid) => {
    try {
      const files = await listContainer(host.effects.files, containerPaths(host.paths, uid));
      const loaded = await host.records.load(uid, files);
      all.set(uid, { ...loaded, files });
      const parent = loaded.record.kind === 'present' ? loaded.record.value.config.parent : undefined;
      if (parent !== undefined && isContainerUid(parent)) host.launcher.nest(uid, parent);
    } catch (error) {
      host.metrics.recovered('failed');
      host.report({ what: 'recovery', uid, error });
    }
  });
  return all;
}

interface LevelParts extends RecoveryParts {
  /** What lives in it is not known yet, so its cleanup waits. */
  readonly noteEnded: (container: Container) => void;
}

async function recoverOne(
  parts: LevelParts,
  uid: ContainerUid,
  loaded: FoundContainer,
): Promise<RecoveryDecision['kind']> {
  const { host } = parts;
  await sweepUnfinished(host, loaded.files);
  for (const part of [loaded.termination, loaded.run, loaded.process]) {
    if (part.kind === 'damaged') host.report(damageOf(part, uid));
  }
  const decision = decideRecovery(loaded, { bootId: host.bootId, isContainer: (id) => host.registry.hasUid(id) });
  switch (decision.kind) {
    case 'sweep':
      await sweep(parts, uid, loaded);
      break;
    case 'damaged':
      host.report(damageOf(decision, uid, ': its processes are ended, its files stay'));
      await host.launcher.destroy(uid, DEADLINES.killMs);
      break;
    case 'terminated': {
      const { container, decidedIn } = await reviveWithRestarts(host, loaded);
      if (loaded.termination.kind === 'present') container.resume('terminated', loaded.termination.value.termination);
      host.registry.add(container);
      await cleanUpIfNeeded(parts, container);
      parts.restarts.recovered(container, decidedIn);
      break;
    }
    case 'rebooted':
    case 'end-unreadable':
      await reviveAsLost(parts, loaded, decision.kind);
      break;
    case 'reconnect':
      await reconnect(parts, uid, loaded);
      break;
  }
  return decision.kind;
}

/** One that does not run any more, and nobody knows how it ended. */
async function reviveAsLost(
  { host, noteEnded, restarts }: LevelParts,
  loaded: LoadedContainer,
  because: 'rebooted' | 'end-unreadable',
): Promise<void> {
  const { container, decidedIn } = await reviveWithRestarts(host, loaded);
  container.resume('running');
  host.registry.add(container);
  const atMs = host.effects.clock.nowMs();
  const termination = unseenTermination(because, atMs);
  container.terminate(termination);
  host.metrics.ended(termination.reason);
  host.events.emit({ ...aboutContainer(container), kind: 'terminated', atMs, termination });
  restarts.recovered(container, decidedIn);
  noteEnded(container);
}

/** Nobody knows this container, so nobody is told; isolators are, where a record says which of them had a part in it. */
async function sweep({ host }: Pick<RecoveryParts, 'host'>, uid: ContainerUid, loaded: LoadedContainer): Promise<void> {
  await host.launcher.destroy(uid, DEADLINES.killMs);
  if (loaded.record.kind === 'present') {
    await cleanIsolators(host, revive(host, loaded));
    await host.records.forget(uid, loaded.record.value.config.autoRemove);
  }
  await removeContainerTrees(host, uid);
  host.launcher.forget(uid);
}

/** With what is known of its restarts, and the boot in which that was decided. */
async function reviveWithRestarts(
  host: EngineHost,
  loaded: LoadedContainer,
): Promise<{ readonly container: Container; readonly decidedIn: string }> {
  const container = revive(host, loaded);
  const bootId = loaded.record.kind === 'present' ? loaded.record.value.bootId : host.bootId;
  if (!mayRestart(container)) return { container, decidedIn: bootId };
  const restart = await loadRestart(host, container.uid, bootId);
  container.restart = restart.state;
  return { container, decidedIn: restart.bootId };
}

async function reconnect(parts: LevelParts, uid: ContainerUid, loaded: FoundContainer): Promise<void> {
  const { host, sessions, follow } = parts;
  const { container } = await reviveWithRestarts(host, loaded);
  container.restart = inSameLife(container.restart);
  container.resume((await host.launcher.isFrozen(uid)) ? 'paused' : 'running');
  if (loaded.process.kind === 'present') container.startedAtMs = loaded.process.value.startedAtMs;
  host.registry.add(container);
  await recoverIsolators(host, container);
  const link = await findMonitor(host, uid, loaded);
  if (link !== undefined) {
    container.socketGone = removeSocketOnceGone(host, link, container.paths.socketPath);
    await sessions.recover(container, sessionIds(loaded.files, container));
    container.process = await link.cloned;
    // Between the checkpoint and the agent's end the process record may not have been written; the checkpoint's own
    // moment is the last thing known before the start.
    container.startedAtMs ??= container.createdAtMs;
    follow(container, link);
    if (container.config.endsWithEngine === true) link.signal(SIGKILL).catch(() => {}); // gone already
    if (loaded.files.has(container.paths.updateFile)) await resumeUpdate(host, container);
    if (loaded.files.has(container.paths.stillFile)) await goOnAsBefore(host, container);
    return;
  }
  container.process = recordedProcess(host, loaded);
  await finish(host, container, (await host.launcher.recordedEnd(uid)) ?? unseenEnd(host, loaded));
  parts.restarts.ended(container);
  parts.noteEnded(container);
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
      const step = { what: `recovery of ${isolator.name}`, uid: container.uid, ms: DEADLINES.hookMs };
      await host.operations.within(step, isolator.recover(container.isolated()));
    } catch (error) {
      host.report({ what: `recovery of ${isolator.name}`, uid: container.uid, error });
    }
  }
}

function unseenEnd(host: EngineHost, { process, run }: LoadedContainer): UnseenEnd {
  const lostBecause =
    process.kind === 'present'
      ? 'its monitor vanished while no engine was there, so nobody saw the end'
      : 'the engine ended during its launch, so nobody knows how far it came';
  // What its monitor is asked by was in its plan.
  const mayBeWatched = run.kind === 'damaged';
  return {
    exitStatus: { kind: 'lost' },
    atMs: host.effects.clock.nowMs(),
    outputComplete: false,
    lostBecause,
    mayBeWatched,
  };
}

function sessionIds(files: ListedFiles, { paths }: Container): readonly string[] {
  return files.namesIn(paths.stateDir).flatMap((name) => SESSION_FILE.exec(name)?.[1] ?? []);
}

/** A terminated container is clean once its state directory is gone: that is the last thing its cleanup does. */
async function cleanUpIfNeeded(parts: LevelParts, container: Container): Promise<void> {
  const { files } = parts.host.effects;
  const hasState = await files.exists(container.paths.stateDir);
  if (hasState || container.config.autoRemove) parts.noteEnded(container);
  else parts.cleanups.markClean(container);
}

/** Records that were being written when the last engine ended. */
async function sweepUnfinished({ effects }: EngineHost, files: ListedFiles): Promise<void> {
  for (const path of files.beginningWith(TEMPORARY_PREFIX)) {
    try {
      await effects.files.removeFile(path);
    } catch (error) {
      if (!isMissing(error)) throw error; // gone since it was listed
    }
  }
}

/** Sockets of monitors that are no more: a connect to them would only be refused. */
async function sweepSockets({ host, sessions }: RecoveryParts): Promise<void> {
  const names = await listOrNothing(host.effects.files, host.paths.sockets);
  const isServed = (name: string): boolean => host.registry.find(name)?.link !== undefined || sessions.has(name);
  const stale = names.filter((name) => !isServed(name));
  if (stale.length === 0) return;
  try {
    await host.runHostSteps(stale.map((name) => step(BY, 'remove-tree', { directory: host.paths.sockets, name })));
  } catch (error) {
    host.report({ what: 'sweeping sockets', error });
  }
}
