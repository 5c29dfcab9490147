import type { ContainerUid } from '../model/container-id.ts';
import type { Image } from '../model/image-config.ts';
import type { RootfsRecipe } from '../model/launch-plan.ts';

/** Image layers → a recipe for a root file system. Nothing is mounted on the host. */
export interface Provisioner {
  /**
   * @param directories the container's own upper and work directories, made by the launch itself
   * @throws {EngineError} `provisioner.layerMissing` (data-loss): the store has lost a layer;
   *   `provisioner.noLayers` (failed-precondition): the image is empty
   */
  recipe(
    uid: ContainerUid,
    image: Image,
    directories: { readonly upperDir: string; readonly workDir: string },
  ): Promise<RootfsRecipe>;
}
