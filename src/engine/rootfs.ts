import type { Images } from '../image/images.ts';
import { wrappedImages } from '../image/wrapped-images.ts';
import type { Image } from '../model/image-config.ts';
import type { RootfsRecipe } from '../model/launch-plan.ts';
import { choiceOf, type Provisioner } from '../provisioner/provisioner.ts';
import type { Container } from './container.ts';
import type { EngineHost } from './host.ts';
import type { PlanSubject } from './planning.ts';

/** How the root file system comes to be; `undefined` for the host's own. */
export async function rootfsRecipe(
  host: EngineHost,
  { uid, config, paths, backend: settled }: PlanSubject,
  image: Image | undefined,
): Promise<RootfsRecipe | undefined> {
  if (image === undefined) {
    return config.rootfs.kind === 'directory' ? { kind: 'directory', path: config.rootfs.path } : undefined;
  }
  const { upperDir, workDir, treeDir } = paths;
  const { backend: asked, readOnlyRootfs: readOnly } = config;
  return host.provisioner.recipe(uid, image, { upperDir, workDir, treeDir, readOnly, asked, settled });
}

/**
 * Makes what the root file system of a container stands on, and settles its backend: its later lives have the same.
 *
 * @returns the recipe with what is known only now
 */
export async function provideRootfs(
  host: EngineHost,
  container: Container,
  recipe: RootfsRecipe | undefined,
): Promise<RootfsRecipe | undefined> {
  if (recipe === undefined || recipe.kind === 'directory') return recipe;
  container.backend = choiceOf(recipe);
  const { uid, cancelled } = container;
  return host.operations.during({ what: 'its root file system', uid }, host.provisioner.provide(recipe, cancelled));
}

/** A recipe with what is known of it before anything is made: for a plan that is shown. */
export async function foreseenRootfs(
  { provisioner }: Pick<EngineHost, 'provisioner'>,
  recipe: RootfsRecipe | undefined,
): Promise<RootfsRecipe | undefined> {
  if (recipe === undefined || recipe.kind === 'directory') return recipe;
  return await provisioner.foresee(recipe);
}

/** Images whose layers take along what was made of them, whoever removes them. */
export function sweptImages(images: Images, provisioner: Pick<Provisioner, 'removeOrphans'>): Images {
  return wrappedImages(images, {
    remove: async (...removal) => {
      const removed = await images.remove(...removal);
      if (removed.deleted.length > 0) await provisioner.removeOrphans();
      return removed;
    },
  });
}
