import { extendConfig, type HistoryEntry } from '../../image/build/config.ts';
import { changedConfig } from '../../image/build/instructions.ts';
import { EMPTY_DIFF_ID, type MadeLayer, storeLayer } from '../../image/build/layer.ts';
import { makeManifest } from '../../image/build/manifest.ts';
import { parseConfigDocument } from '../../image/config-document.ts';
import type { Lease } from '../../image/leases.ts';
import type { Descriptor } from '../../image/manifest.ts';
import { asStoreError, imageStoreErrors } from '../../image/store/store-errors.ts';
import type { Image } from '../../model/image-config.ts';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Container } from '../container.ts';
import type { EngineHost } from '../host.ts';
import { stopSignalOf } from '../stop-signal.ts';
import { withTree } from '../tree-access.ts';
import { readImage } from './image-records.ts';
import { runConfig } from './run-config.ts';
import { standingStill } from './standing-still.ts';
import type { CommitRequest } from './written-facade.ts';
import { committedImage, writesNothing, writtenAccess, writtenErrors } from './written-tree.ts';

/**
 * Makes an image of a container. The layer is written first, held by a lease; the image is there with its name or not at
 * all, and a layer that none came to name is collected.
 */
export function commitContainer(
  host: EngineHost,
  container: Container,
  request: CommitRequest,
  signal: AbortSignal,
): Promise<Image> {
  const end = new AbortController();
  const cancel = (reason: Error): void => end.abort(reason);
  const facts = { kind: 'commit', container: container.uid, subject: request.reference, cancel } as const;
  const ends = AbortSignal.any([signal, end.signal]);
  return host.operations.run(facts, () => makeImage(host, container, request, ends));
}

async function makeImage(
  host: EngineHost,
  container: Container,
  request: CommitRequest,
  signal: AbortSignal,
): Promise<Image> {
  const names = request.reference === undefined ? [] : [nameable(request.reference)];
  const base = await committedImage(host, container);
  const { config, layers } = await readImage(host.images, base);
  const extend = extension(host, container, { request, config, name: base.references[0] ?? base.id });
  // What is wrong with the config is told before anything is read or stands still.
  extend(EMPTY_DIFF_ID);
  const lease = host.images.lease();
  try {
    const layer = await writeLayer(host, container, { lease, pause: request.pause, signal });
    checkStays(host, container);
    const made = extend(layer?.diffId ?? EMPTY_DIFF_ID);
    const all: readonly Descriptor[] = layer === undefined ? layers : [...layers, layer.descriptor];
    const { bytes } = makeManifest(made, all);
    return await host.images.adopt({ manifest: bytes, config: made }, names, { signal });
  } catch (error) {
    // What cannot be removed now is collected later, and no reason to hide why there is no image.
    await host.images.discard(lease).catch(() => {});
    throw asStoreError(error, { what: `the image of container ${container.uid}`, root: host.paths.rootDir });
  } finally {
    lease.release();
  }
}

/** Files of one that is being removed go while they are read, and what is left looks like all there was. */
function checkStays({ registry }: EngineHost, container: Container): void {
  const { uid, isRemoving, config, termination } = container;
  const isGoing = isRemoving || (config.autoRemove && termination !== undefined);
  if (isGoing || registry.find(uid) !== container) throw writtenErrors.removed({ uid });
}

/** @returns `undefined` when nothing was written */
async function writeLayer(
  host: EngineHost,
  container: Container,
  { lease, pause, signal }: { readonly lease: Lease; readonly pause: boolean; readonly signal: AbortSignal },
): Promise<MadeLayer | undefined> {
  if (await writesNothing(host, container)) return undefined;
  const access = { ...writtenAccess(host, container), signal };
  const layer = await standingStill(host, container, pause, () =>
    withTree(host, access, ({ tree, leftOut }, ends) =>
      storeLayer(tree.pack('layer', leftOut), { blobs: host.images.blobs, lease }, ends),
    ),
  );
  return layer.diffId === EMPTY_DIFF_ID ? undefined : layer;
}

/** The config of the new image, as soon as its layer is known. @throws {EngineError} `image-instruction.*`, `stop-signal.unknown` */
function extension(
  host: EngineHost,
  container: Container,
  { request, config, name }: { readonly request: CommitRequest; readonly config: Uint8Array; readonly name: string },
): (diffId: MadeLayer['diffId']) => Uint8Array {
  const history: HistoryEntry = {
    created: new Date(host.effects.clock.nowMs()).toISOString(),
    createdBy: container.command.join(' '),
    author: request.author,
    comment: request.message,
  };
  return (diffId) => {
    const change = (runtime: Parameters<typeof runConfig>[0]) =>
      changedConfig(runConfig(runtime, container.config), request.changes);
    const made = extendConfig(config, name, { diffId, history, change });
    const { stopSignal } = parseConfigDocument(made, name).runtime;
    if (stopSignal !== undefined && stopSignal !== '') stopSignalOf(undefined, stopSignal);
    return made;
  };
}

function nameable(text: string): string {
  const reference = parseImageReference(text);
  const reason = 'it says where an image is, or which one, and not how it is called';
  if (reference.kind !== 'registry' || reference.digest !== undefined) throw imageStoreErrors.notATag({ text, reason });
  return text;
}
