import { strict as assert } from 'node:assert';
import { UndoStack } from '../base/undo-stack.ts';
import type { MonitorLink } from '../launcher/launcher.ts';
import type { Image } from '../model/image-config.ts';
import { step } from '../model/wire.ts';
import { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { StreamTicket } from './facade.ts';
import { aboutContainer } from './happenings.ts';
import { BY, type EngineHost } from './host.ts';
import { noteStarted, ownerStream, type PreparedLaunch, plan, send } from './launch.ts';
import { describeLaunchError } from './launch-error.ts';
import { removeStateTree } from './removal.ts';
import { withMark } from './request-mark.ts';
import { inNextLife } from './restart-decision.ts';
import { rootfsRecipe } from './rootfs.ts';
import { runStarted } from './started.ts';
import { launchFailedTermination } from './termination.ts';
import { Timeline } from './timeline.ts';
import { findVolumesAgain, planSubject } from './volumes.ts';

const RUNTIME_DIRECTORY = 'files';

/**
 * The next life of a container that has ended and was cleaned up: the same uid, name, image, layer and volumes, the same log,
 * in the place of the last one from here on.
 *
 * @param how.owned a caller will own its streams
 * @returns what stands in the registry now, and the launch that is under way: one that fails ends the new life with the reason
 *   `launch-failed`. Never rejects.
 */
export function relaunch(
  host: EngineHost,
  ended: Container,
  how: { readonly owned: boolean } = { owned: false },
): { readonly container: Container; readonly launched: Promise<Relaunched> } {
  const container = successor(ended, how.owned);
  host.registry.replace(ended, container);
  const launched = launchAgain(host, container).catch((error: unknown): Relaunched => ({ kind: 'failed', error }));
  container.launched = launched;
  return { container, launched };
}

/** What has become of a launch once more. */
export type Relaunched =
  | { readonly kind: 'runs'; readonly link: MonitorLink; readonly stream: StreamTicket | undefined }
  /** Told by its termination, too. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** What a container keeps over its lives. */
const KEPT = [
  ...(['imageId', 'imageLabels', 'backend', 'volumeImageIds', 'volumes', 'takesVolumes'] as const),
  ...(['stopSignal', 'command', 'isolatorNames', 'healthCheck'] as const),
] satisfies readonly (keyof Container)[];

function successor(ended: Container, owned: boolean): Container {
  const { uid, config, created, createdAtMs, paths } = ended;
  // Whoever owned its streams left with its last end.
  const container = new Container({ uid, config: { ...config, owned }, created, createdAtMs, paths });
  // Those that lived in it have ended, and are its to remove.
  for (const [name, child] of ended.children) container.children.set(name, child);
  Object.assign(container, Object.fromEntries(KEPT.map((field) => [field, ended[field]])));
  container.begunFor = withMark(ended.begunFor, ended.restart.askedFor);
  container.updatedFor = ended.updatedFor;
  container.restart = inNextLife(ended.restart);
  container.isRelaunch = true;
  return container;
}

async function launchAgain(host: EngineHost, container: Container): Promise<Relaunched> {
  const undo = new UndoStack();
  const timeline = new Timeline(host.effects.clock);
  const ids = host.idRanges.of(container.uid);
  try {
    const prepared = await prepareAgain(host, { container, undo, timeline });
    const started = await send(host, { container, undo, timeline, prepared });
    const { link } = container;
    assert(link !== undefined, 'what has started has a link to its monitor');
    container.process = started.process;
    await runStarted(host, container);
    undo.release();
    noteStarted(host, container, started);
    const stream = container.config.owned ? ownerStream(container, prepared.tickets.owner) : undefined;
    return { kind: 'runs', link, stream };
  } catch (error) {
    const told = describeLaunchError(error, container);
    container.advance('destroying');
    for (const failure of await undo.unwind()) {
      // The cleanup that follows does it once more.
      host.report({ what: `undo of ${failure.what} after a failed restart`, uid: container.uid, error: failure.error });
    }
    if (ids !== undefined) host.idRanges.hold(container.uid, ids);
    const atMs = host.effects.clock.nowMs();
    const termination = launchFailedTermination(told, atMs);
    container.terminate(termination);
    host.events.emit({ ...aboutContainer(container), kind: 'terminated', atMs, termination });
    throw told;
  }
}

async function prepareAgain(
  host: EngineHost,
  {
    container,
    undo,
    timeline,
  }: { readonly container: Container; readonly undo: UndoStack; readonly timeline: Timeline },
): Promise<PreparedLaunch> {
  const { uid, paths } = container;
  const directories = makeStateDirectory(host, container);
  undo.push('state directory', async () => {
    await directories.catch(() => {}); // one that appears after its removal would stay
    await removeStateTree(host, uid);
  });
  directories.catch(() => {}); // awaited by `plan`; an image that is not there is told first
  const image = await imageAgain(host, container);
  timeline.mark('image');
  const recipe = await rootfsRecipe(host, planSubject(container), image);
  const volumeSources = await findVolumesAgain(host, container);
  await host.runHostSteps([step(BY, 'remove-tree', { directory: paths.rootDir, name: RUNTIME_DIRECTORY })]);
  return plan(host, { container, undo, timeline, secrets: new Map(), image, recipe, volumeSources, directories });
}

async function makeStateDirectory(host: EngineHost, { paths }: Container): Promise<void> {
  await host.effects.files.makeDirectory(paths.stateDir, { parents: true });
}

/** The very image that it had, whatever its name stands for by now. */
async function imageAgain(host: EngineHost, { imageId, config }: Container): Promise<Image | undefined> {
  if (imageId === undefined) return undefined;
  const image = await host.images.find(imageId);
  if (image !== undefined) return image;
  const reference = config.rootfs.kind === 'image' ? config.rootfs.reference : imageId;
  throw engineErrors.imageMissing({ reference, why: `the container was made from ${imageId}, which is gone` });
}
