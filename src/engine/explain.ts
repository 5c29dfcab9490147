import { UndoStack } from '../base/undo-stack.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import { findImage } from './launch-image.ts';
import { generateUid } from './names.ts';
import { checkParent, completed } from './nested.ts';
import { containerPaths } from './paths.ts';
import { chooseIsolators, prepareAndPlan } from './planning.ts';
import { removeContainerTrees } from './removal.ts';
import { foreseenRootfs, rootfsRecipe } from './rootfs.ts';
import { findImageVolumes, volumesOfContainer } from './volumes.ts';

/**
 * The plan that a launch of this config would execute. Isolators are prepared, for some plans need what they find
 * out, and everything is taken back before the answer. Nothing is pulled.
 *
 * @throws {EngineError} `engine.imageMissing` (not-found), whatever planning refuses
 */
export async function explainLaunch(host: EngineHost, asked: ContainerConfig): Promise<LaunchPlan> {
  const { config, parent } = completed(host, asked);
  const uid = generateUid(host.effects.random, (taken) => host.registry.hasUid(taken));
  if (parent !== undefined) {
    checkParent(host, parent, config.name || uid);
    host.launcher.nest(uid, parent.uid);
  }
  const image = await imageToExplain(host, config);
  const volumes = volumesOfContainer(host, { config }, image);
  const subject = { uid, config: { ...config, volumes }, paths: containerPaths(host.paths, uid) };
  const shown = await findImageVolumes(host, { volumes });
  const volumeSources = { ...shown.sources, ...host.volumes.preview(volumes) };
  const recipe = await foreseenRootfs(host, await rootfsRecipe(host, subject, image));
  const isolators = chooseIsolators(host, subject.config);
  const undo = new UndoStack();
  try {
    if (isolators.some(({ prepare }) => prepare !== undefined)) {
      undo.push('runtime directory', () => removeContainerTrees(host, uid));
      await host.effects.files.makeDirectory(subject.paths.runtimeDir, { parents: true });
    }
    const { signal } = new AbortController(); // every hook has its deadline; nobody cancels an explanation
    return await prepareAndPlan(host, { subject, isolators, image, recipe, volumeSources, undo, signal });
  } finally {
    const failures = await undo.unwind();
    for (const { what, error } of failures) host.report({ what: `undo of ${what} after explain`, uid, error });
    host.launcher.forget(uid);
    if (failures.length > 0) {
      void host.retries.run({ what: 'sweeping after explain', uid, attempt: () => removeContainerTrees(host, uid) });
    }
  }
}

async function imageToExplain(host: EngineHost, config: ContainerConfig) {
  if (config.rootfs.kind !== 'image') return undefined;
  const { reference } = config.rootfs;
  const image = await findImage(host.images, reference);
  if (image === undefined) throw engineErrors.imageMissing({ reference, why: 'explain pulls nothing' });
  return image;
}
