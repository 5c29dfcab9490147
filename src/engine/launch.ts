import { UndoStack } from '../base/undo-stack.ts';
import type { MonitorLink, StartedProcess } from '../launcher/launcher.ts';
import type { Image } from '../model/image-config.ts';
import type { SecretValues } from '../model/volume.ts';
import { adoptImage } from './adopt-image.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { Launched, StreamTicket } from './facade.ts';
import { fetchFiles } from './fetch-files.ts';
import { foreignWarnings } from './foreign-platform.ts';
import { aboutContainer } from './happenings.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { cleanIsolators } from './isolator-cleanup.ts';
import { laterLives } from './later-lives.ts';
import { describeLaunchError } from './launch-error.ts';
import { resolveImage } from './launch-image.ts';
import { newTickets, type PlannedLaunch, type Tickets } from './planned-launch.ts';
import { chooseIsolators, type PlanFacts, planLaunch } from './planning.ts';
import { saveProcessLater } from './process-record.ts';
import { removeContainerTrees, removeSocketOnceGone } from './removal.ts';
import { mayRestart } from './restart-status.ts';
import { provideRootfs, rootfsRecipe } from './rootfs.ts';
import { runStarted } from './started.ts';
import { Timeline } from './timeline.ts';
import { keepsIds } from './user-ids.ts';
import { planSubject, prepareVolumes, volumeNames } from './volumes.ts';

/** What a launch has in hand once its plan is made. */
export interface PreparedLaunch {
  readonly planned: PlannedLaunch;
  readonly tickets: Tickets;
}

/**
 * Launches a container whose name is reserved: directories and image at once, isolators in order, then plan, helper
 * and checkpoint side by side. `start` follows the checkpoint and nothing else; the answer follows exec.
 *
 * @throws {EngineError} whatever a part refused; then everything that was made is taken back, the name included
 */
export async function launchContainer(
  host: EngineHost,
  container: Container,
  secrets: SecretValues,
): Promise<Launched> {
  const undo = new UndoStack();
  const timeline = new Timeline(host.effects.clock);
  undo.push('name', () => host.registry.delete(container));
  try {
    const prepared = await prepare(host, { container, undo, timeline, secrets });
    const started = await send(host, { container, undo, timeline, prepared });
    container.process = started.process;
    await runStarted(host, container);
    await host.volumes.markUsed(volumeNames(container));
    undo.release();
    const launched = answer(host, { container, started, timeline, prepared });
    host.metrics.launched(launched.timings);
    return launched;
  } catch (error) {
    throw await takeBack(host, { container, undo, error });
  }
}

export interface LaunchContext {
  readonly container: Container;
  readonly undo: UndoStack;
  readonly timeline: Timeline;
}

/** Everything up to the plan; nothing of it is visible to anybody yet. */
async function prepare(
  host: EngineHost,
  { container, undo, timeline, secrets }: LaunchContext & { readonly secrets: SecretValues },
): Promise<PreparedLaunch> {
  const directories = makeDirectories(host, container);
  undo.push('directories', async () => {
    await directories.catch(() => {}); // a directory that appears after its removal would stay
    await forgetContainer(host, container);
  });
  directories.catch(() => {}); // awaited below; an image that is not there is told first
  chooseIsolators(host, container.config); // before an image is pulled in vain; it may bring volumes
  const image = await host.operations.moving({ what: 'its image', uid: container.uid }, (until) =>
    resolveImage(host.images, container, container.cancelled, until),
  );
  timeline.mark('image');
  adoptImage(host, container, image);
  const recipe = await rootfsRecipe(host, container, image);
  timeline.mark('recipe');
  const volumeSources = await prepareVolumes(host, container, { image, undo });
  return plan(host, { container, undo, timeline, secrets, image, recipe, volumeSources, directories });
}

/** What a plan is made from, once the image and the volumes are found. */
export interface FoundLaunch extends LaunchContext {
  readonly secrets: SecretValues;
  readonly image: Image | undefined;
  readonly recipe: PlanFacts['recipe'];
  readonly volumeSources: PlanFacts['volumeSources'];
  readonly directories: Promise<void>;
}

/** Lets the isolators prepare, and makes the plan. */
export async function plan(host: EngineHost, found: FoundLaunch): Promise<PreparedLaunch> {
  const { container, undo, timeline, secrets, image, volumeSources, directories } = found;
  container.cancelled.throwIfAborted();
  container.advance('preparing');
  const subject = planSubject(container);
  const isolators = chooseIsolators(host, subject.config);
  await directories;
  timeline.mark('directories');
  const recipe = await provideRootfs(host, container, found.recipe);
  const tickets = newTickets(host.effects.random, container.config.owned);
  const facts = { subject, isolators, image, recipe, volumeSources, undo, signal: container.cancelled };
  const planned = await planLaunch(host, facts, { tickets, secrets });
  container.isolators = isolators;
  container.isolatorNames = planned.isolators;
  container.command = planned.command;
  container.groups = planned.groups;
  container.diskQuota = planned.diskQuota;
  container.encoded = planned.encoded;
  timeline.mark('plan');
  return { planned, tickets };
}

/**
 * Those below them are the helper's to make, beside its child. It makes none above: a monitor whose agent was killed
 * would bring back what the next agent has swept.
 */
async function makeDirectories(host: EngineHost, container: Container): Promise<void> {
  const { stateDir, rootDir } = container.paths;
  const making = [stateDir, rootDir].map((path) => host.effects.files.makeDirectory(path));
  for (const result of await Promise.allSettled(making)) if (result.status === 'rejected') throw result.reason;
}

/** The frame goes first, so that the helper works while the checkpoint is made; then `start`, then exec. */
export async function send(
  host: EngineHost,
  { container, undo, timeline, prepared }: LaunchContext & { readonly prepared: PreparedLaunch },
): Promise<StartedProcess> {
  container.advance('isolating');
  timeline.mark('sent');
  const { payload, cgroups } = prepared.planned;
  const sending = host.launcher.launch({ uid: container.uid, payload, cgroups });
  undo.push('processes', () => abandon(host, container, sending));
  const link = await sending;
  container.link = link;
  container.socketGone = removeSocketOnceGone(host, link, container.paths.socketPath);
  const { uid } = container;
  const record = { what: 'its checkpoint', uid, ms: DEADLINES.launchMs, signal: container.cancelled };
  await host.operations.within(record, checkpoint(host, container, prepared)); // while the helper is at work
  timeline.mark('checkpoint');
  container.cancelled.throwIfAborted();
  const fetched = fetchFiles(host, { container, link, planned: prepared.planned });
  void link.prepared.then(
    () => {
      if (container.state === 'isolating') container.advance('prepared');
    },
    () => {}, // the same failure rejects `started`, which is awaited
  );
  await fetched;
  const started = Promise.all([link.started, link.start().catch((error) => preferLaunchFailure(link, error))]);
  const step = {
    ...{ what: 'its steps and the exec', uid, ms: DEADLINES.launchMs, signal: container.cancelled },
    expired: () => engineErrors.launchOverdue({ uid, ms: DEADLINES.launchMs, state: container.state }),
  };
  const [process] = await host.operations.within(step, started);
  return process;
}

/** A launch that failed already has nobody to take `start`; why it failed is what the caller should read. */
async function preferLaunchFailure(link: MonitorLink, error: unknown): Promise<void> {
  await link.started;
  throw error;
}

async function checkpoint(host: EngineHost, container: Container, { planned, tickets }: PreparedLaunch): Promise<void> {
  const { uid, config, createdAtMs, imageId, stopSignal, command, isolatorNames, volumes, volumeImageIds } = container;
  const { bootId, records } = host;
  const controlTicket = Buffer.from(tickets.control).toString('hex');
  await records.saveLaunch(
    {
      ...{ schemaVersion: 1, uid, config, createdAtMs, bootId, imageId, stopSignal, command },
      isolators: isolatorNames,
      backend: container.backend,
      ...(volumes.length === 0 ? {} : { volumes, volumeImageIds }),
      ...(Object.keys(container.imageLabels).length > 0 && { imageLabels: container.imageLabels }),
      ...(container.healthCheck === undefined ? {} : { healthCheck: container.healthCheck }),
      ...(keepsIds(container) ? { ids: host.idRanges.of(uid) } : {}),
      ...(mayRestart(container) || container.isRelaunch ? laterLives(container) : {}),
    },
    { schemaVersion: 1, bootId, controlTicket },
    planned.planText,
  );
  if (container.isRelaunch) await records.forgetTermination(uid);
}

/**
 * Undo of `send`: whatever it got to, nothing of it is left. The monitor must be gone or past exec before the group is
 * destroyed, or it makes the group again.
 */
async function abandon(host: EngineHost, container: Container, sending: Promise<MonitorLink>): Promise<void> {
  const link = await sending.catch(() => undefined);
  if (link !== undefined) {
    await link.abort().catch(() => {}); // gone already
    const settled = Promise.race([link.gone, link.started.catch(() => link.gone)]);
    const step = { what: `the monitor of ${container.uid}`, uid: container.uid, ms: DEADLINES.reapMs };
    await host.operations
      .within(step, settled)
      .catch((error) => host.report({ what: 'abort of a launch', uid: container.uid, error }));
  }
  const kill = { what: 'the end of what it got to', uid: container.uid, ms: DEADLINES.killMs };
  await host.operations.during(kill, host.launcher.destroy(container.uid, DEADLINES.killMs));
  await link?.release();
  // What was told of its beginning is told of its end; each isolator's own undo follows.
  await cleanIsolators(host, container);
}

function answer(
  host: EngineHost,
  {
    container,
    started,
    timeline,
    prepared,
  }: Omit<LaunchContext, 'undo'> & {
    readonly started: StartedProcess;
    readonly prepared: PreparedLaunch;
  },
): Launched {
  timeline.mark('started');
  noteStarted(host, container, started);
  return {
    status: container.status(),
    stream: container.config.owned ? ownerStream(container, prepared.tickets.owner) : undefined,
    timings: timeline.merged('sent', started.timings),
    warnings: foreignWarnings(container),
  };
}

/** From here on it runs. */
export function noteStarted(host: EngineHost, container: Container, started: StartedProcess): void {
  const { startedAtMs: atMs } = started;
  container.encoded = undefined; // its steps have not failed
  container.startedAtMs = atMs;
  container.advance('running');
  container.processSaved = saveProcessLater(host, container, started);
  const about = aboutContainer(container);
  const { count: restarts } = container.restart;
  // One that somebody has started is no restart: that begins to count anew.
  if (container.isRelaunch && restarts > 0) host.events.emit({ ...about, kind: 'restarted', atMs, restarts });
  if (!container.isRelaunch) host.events.emit({ ...about, kind: 'created', atMs: container.createdAtMs });
  host.events.emit({ ...about, kind: 'started', atMs });
}

export function ownerStream(container: Container, ticket: Uint8Array): StreamTicket {
  return { socketPath: container.paths.socketPath, ticket: Buffer.from(ticket).toString('hex') };
}

/** @returns what the caller is told: the refusal in words, when it was a step that the kernel refused */
async function takeBack(
  host: EngineHost,
  { container, undo, error }: { readonly container: Container; readonly undo: UndoStack; readonly error: unknown },
): Promise<unknown> {
  const told = describeLaunchError(error, container);
  container.failLaunch(told, host.effects.clock.nowMs());
  host.metrics.launchFailed(told);
  const failures = await undo.unwind();
  for (const failure of failures) {
    host.report({ what: `undo of ${failure.what} after a failed launch`, uid: container.uid, error: failure.error });
  }
  if (failures.length > 0) void sweepLater(host, container);
  else host.launcher.forget(container.uid);
  return told;
}

async function forgetContainer(host: EngineHost, container: Container): Promise<void> {
  await host.records.forget(container.uid, container.config.autoRemove);
  await removeContainerTrees(host, container.uid);
}

/** What could not be taken back at once: the helper may have been gone at that moment. */
async function sweepLater(host: EngineHost, container: Container): Promise<void> {
  await host.retries.run({
    what: 'sweeping after a failed launch',
    uid: container.uid,
    attempt: async () => {
      await host.launcher.destroy(container.uid, DEADLINES.killMs);
      await forgetContainer(host, container);
      host.launcher.forget(container.uid);
    },
  });
}
