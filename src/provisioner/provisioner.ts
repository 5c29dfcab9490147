import type { BackendChoice, BackendName } from '../model/backend.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image-config.ts';
import type { LayerImageFinding } from '../model/image-upkeep.ts';
import type { ImageRecipe } from '../model/launch-plan.ts';

/** What a container wants of its root file system, and where its own directories are. */
export interface RootfsRequest {
  /** Of what it writes; both are made by the launch itself. */
  readonly upperDir: string;
  readonly workDir: string;
  /** Of a copy. */
  readonly treeDir: string;
  readonly readOnly: boolean;
  /** The backend that it asks for by name. */
  readonly asked?: BackendName | undefined;
  /** What it had in an earlier life, in which its files are by now: nothing is chosen. */
  readonly settled?: BackendChoice | undefined;
}

/** Image layers → a recipe for a root file system. Nothing is mounted on the host. */
export interface Provisioner {
  /**
   * Chooses the backend. Neither layers nor the container's directories are touched.
   *
   * @throws {EngineError} `provisioner.layerMissing` (data-loss): the store has lost a layer; `.noLayers` (failed-precondition):
   *   the image is empty; `.unfit` (failed-precondition): the backend that was asked for cannot show this image so; `.unusable`
   *   (failed-precondition): not on this host
   */
  recipe(uid: ContainerUid, image: Image, request: RootfsRequest): Promise<ImageRecipe>;
  /** Directories of an image's layers, top first. @throws as `recipe` */
  layers(image: Image): Promise<readonly string[]>;
  /**
   * Makes what a launch could not make in its time: a copy, or images of layers. What is there already stays.
   *
   * @param signal gives it up; the container's directory is the caller's to remove
   * @returns the recipe with what is known only now
   */
  provide(recipe: ImageRecipe, signal: AbortSignal): Promise<ImageRecipe>;
  /** The recipe with what is known before anything is provided. Makes nothing. */
  foresee(recipe: ImageRecipe): Promise<ImageRecipe>;
  /**
   * Holds what was made of a layer's tree against that tree, which is as it came. With `repair` what is not as it should be is taken away, and
   * the next launch makes it again; containers that run keep what they have.
   *
   * @returns `undefined` when nothing was made of it
   */
  verifyLayer(
    chainId: Digest,
    how: { readonly repair: boolean; readonly signal: AbortSignal },
  ): Promise<LayerImageFinding | undefined>;
  /** Removes what was made of layers that are gone. */
  removeOrphans(): Promise<void>;
  /** The same, and what was being made when an earlier engine ended. Once, when the engine opens. */
  recover(): Promise<void>;
}

/** How a backend was chosen, as records and faces tell it; `undefined` for a recipe of no image. */
export function choiceOf(
  recipe: { readonly kind: string; readonly because?: string } | undefined,
): BackendChoice | undefined {
  if (recipe === undefined || recipe.kind === 'directory') return undefined;
  return { name: recipe.kind as BackendName, because: recipe.because ?? '' };
}
