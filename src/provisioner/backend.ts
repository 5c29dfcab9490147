import type { BackendName } from '../model/backend.ts';
import type { Digest } from '../model/digest.ts';
import type { LayerImageFinding } from '../model/image-upkeep.ts';
import type { ImageRecipe } from '../model/launch-plan.ts';
import type { Step } from '../model/wire.ts';
import type { RootfsRequest } from './provisioner.ts';

/** A layer that the store has, unpacked. */
export interface StoredLayer {
  readonly chainId: Digest;
  readonly directory: string;
}

/** Why a backend cannot be taken, and what to do. */
export interface Obstacle {
  readonly why: string;
  readonly remedy: string;
}

/** One way from layers, which are there and at least one, to a root file system. */
export interface Backend {
  readonly name: BackendName;
  /** Why it cannot show these layers so, on whatever host. */
  unfit?(layers: readonly StoredLayer[], request: Pick<RootfsRequest, 'readOnly'>): Obstacle | undefined;
  /** Why it does not work on this host, found out by trying. @throws {EngineError} when that could not be found out */
  obstacle(): Promise<Obstacle | undefined>;
  recipe(layers: readonly StoredLayer[], request: RootfsRequest): ImageRecipe;
  /** As the provisioner's; only for its own recipes. */
  provide?(recipe: ImageRecipe, signal: AbortSignal): Promise<ImageRecipe>;
  /** As the provisioner's; only for its own recipes. */
  foresee?(recipe: ImageRecipe): Promise<ImageRecipe>;
  /** What was made of a layer's tree, held against that; `undefined`: nothing was. */
  checkLayer?(layer: StoredLayer, signal: AbortSignal): Promise<LayerImageFinding | undefined>;
  /** Takes that away; who uses it keeps it. */
  discardLayer?(layer: StoredLayer): Promise<void>;
  removeOrphans?(): Promise<void>;
  recover?(): Promise<void>;
}

/** Runs host steps in a worker of the helper that ends when the signal aborts. */
export type RunSteps = (steps: readonly Step[], signal: AbortSignal) => Promise<void>;
