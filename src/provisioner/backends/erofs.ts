import type { Files, Random } from '../../base/effects.ts';
import { ERRNO, errnoName } from '../../linux/errno.ts';
import { type Digest, digestHex } from '../../model/digest.ts';
import { systemErrorCode } from '../../model/error.ts';
import type { LayerImageFinding } from '../../model/image-upkeep.ts';
import type { ImageRecipe, LayerImage } from '../../model/launch-plan.ts';
import { type Step, step } from '../../model/wire.ts';
import type { Backend, Obstacle, RunSteps, StoredLayer } from '../backend.ts';
import { BackendProbe, isRefusal } from '../backend-probe.ts';
import { findingOf } from './erofs-finding.ts';

export interface ErofsParts {
  readonly files: Files;
  readonly random: Random;
  readonly run: RunSteps;
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
  readonly rootDir: string;
}

const BY = 'erofs';
const IMAGE = '.erofs';
const DIGEST = '.verity';
const STAGED = 'tmp-';
/** What the helper writes of a file that nothing seals. */
const NOT_SEALED = 'none';
const SEALED = /^sha256:[0-9a-f]{64}$/;
/** No image of a layer has it. */
const PROBE_UUID = '00000000-0000-0000-0000-000000000000';

/** Layers as read-only images that all containers share, sealed by fs-verity where the file system can, under an overlay. */
export function erofsBackend(parts: ErofsParts): Backend {
  const images = new LayerImages(parts);
  const probe = new BackendProbe({ ...parts, name: 'erofs-probe', steps: probeSteps, means });
  return {
    name: 'erofs',
    obstacle: () => probe.obstacle(),
    recipe: (layers, { upperDir, workDir }) => ({
      kind: 'erofs',
      layers: layers.map(({ chainId, directory }) => ({ file: images.fileOf(chainId), directory })),
      ...{ upperDir, workDir },
    }),
    async provide(recipe, signal): Promise<ImageRecipe> {
      if (recipe.kind !== 'erofs') return recipe;
      const layers: LayerImage[] = [];
      for (const layer of recipe.layers) layers.push(await images.ensure(layer, signal));
      return { ...recipe, layers };
    },
    async foresee(recipe): Promise<ImageRecipe> {
      if (recipe.kind !== 'erofs') return recipe;
      const layers = await Promise.all(
        recipe.layers.map(async (layer) => (await images.find(layer)) ?? { ...layer, isToBeMade: true as const }),
      );
      return { ...recipe, layers };
    },
    checkLayer: (layer, signal) => images.check(layer, signal),
    discardLayer: ({ chainId }) => images.discard(chainId),
    removeOrphans: () => images.removeOrphans(),
    recover: () => images.recover(),
  };
}

function probeSteps(top: string): readonly Step[] {
  return [
    step(BY, 'make-erofs', { tree: `${top}/lower`, path: `${top}/image`, uuid: PROBE_UUID }),
    step(BY, 'create-erofs-overlay', {
      ...{ slot: 0, images: [`${top}/image`], digests: [''], upper: `${top}/upper`, work: `${top}/work` },
      ...{ disk: 0, onDisk: 0, attributes: 0, mapped: 0 },
    }),
  ];
}

function means(errno: number): Obstacle | undefined {
  const remedy = 'take another backend, or use a kernel with erofs and overlayfs';
  if (errno === ERRNO.ENOEXEC) {
    return { why: 'there is no mkfs.erofs', remedy: 'install it: apt-get install erofs-utils' };
  }
  if (errno === ERRNO.ENXIO) {
    return {
      why: 'this kernel mounts an erofs image from a block device alone, and there is no loop device',
      remedy: 'modprobe loop, and let the agent open /dev/loop-control; from Linux 6.12 on none is needed',
    };
  }
  return isRefusal(errno)
    ? { why: `the kernel refuses an erofs image below an overlay: ${errnoName(errno)}`, remedy }
    : undefined;
}

/** `<root>/erofs`: an image for each chain id that a container has asked for, and what seals it. */
class LayerImages {
  readonly #parts: ErofsParts;
  readonly #directory: string;
  /** Of two containers that want one layer, one makes it. */
  readonly #making = new Map<string, Promise<LayerImage>>();

  constructor(parts: ErofsParts) {
    this.#parts = parts;
    this.#directory = `${parts.rootDir}/erofs`;
  }

  fileOf(chainId: Digest): string {
    return `${this.#directory}/${digestHex(chainId)}${IMAGE}`;
  }

  async ensure(layer: LayerImage, signal: AbortSignal): Promise<LayerImage> {
    for (;;) {
      signal.throwIfAborted();
      const found = await this.find(layer);
      if (found !== undefined) return found;
      const others = this.#making.get(layer.file);
      if (others === undefined) return await this.#makeAlone(layer, signal);
      // Who makes it may give up; then it is ours to make.
      await Promise.race([others.catch(() => {}), aborted(signal)]);
    }
  }

  /** An image that is there, with what seals it. */
  async find({ file, directory }: LayerImage): Promise<LayerImage | undefined> {
    const { files } = this.#parts;
    if (!(await files.exists(file)) || !(await files.exists(digestFile(file)))) return undefined;
    const verity = (await files.readText(digestFile(file))).trim();
    // What says neither that it is sealed nor that it is not would ask for nothing: the image is made again.
    if (verity !== NOT_SEALED && !SEALED.test(verity)) return undefined;
    return { file, directory, ...(verity !== NOT_SEALED && { verity }) };
  }

  async check({ chainId, directory }: StoredLayer, signal: AbortSignal): Promise<LayerImageFinding | undefined> {
    const found = await this.find({ file: this.fileOf(chainId), directory });
    if (found === undefined) return undefined;
    const { file: image, verity: digest = '' } = found;
    try {
      await this.#parts.run([step(BY, 'compare-erofs', { image, digest, model: directory })], signal);
      return { isSealed: digest !== '', isUnchecked: false };
    } catch (error) {
      return findingOf(error, digest !== '');
    }
  }

  async discard(chainId: Digest): Promise<void> {
    const image = this.fileOf(chainId);
    await this.#remove([image, digestFile(image)].map((path) => path.slice(this.#directory.length + 1)));
  }

  async removeOrphans(): Promise<void> {
    const { files } = this.#parts;
    const doomed: string[] = [];
    for (const name of await this.#names()) {
      const hex = /^([0-9a-f]{64})\.(erofs|verity)$/.exec(name)?.[1];
      if (hex !== undefined && !(await files.exists(`${this.#parts.rootDir}/layers/${hex}`))) doomed.push(name);
    }
    await this.#remove(doomed);
  }

  async recover(): Promise<void> {
    await this.#remove((await this.#names()).filter((name) => name.startsWith(STAGED)));
    await this.removeOrphans();
  }

  async #makeAlone(layer: LayerImage, signal: AbortSignal): Promise<LayerImage> {
    const making = this.#make(layer, signal);
    this.#making.set(layer.file, making);
    try {
      return await making;
    } finally {
      this.#making.delete(layer.file);
    }
  }

  /** What seals it is there before the image is, so that no image is ever taken for one that nothing seals. */
  async #make(layer: LayerImage, signal: AbortSignal): Promise<LayerImage> {
    const { files, random, run } = this.#parts;
    await files.makeDirectory(this.#directory, { parents: true, mode: 0o700 });
    const name = `${STAGED}${Buffer.from(random.bytes(8)).toString('hex')}`;
    const [path, digest] = [`${this.#directory}/${name}${IMAGE}`, `${this.#directory}/${name}${DIGEST}`];
    try {
      await run(
        [
          step(BY, 'make-erofs', { tree: layer.directory, path, uuid: uuidOf(layer.file) }),
          step(BY, 'enable-verity', { path, digest }),
          step(BY, 'sync-filesystem', { path: this.#directory }),
        ],
        signal,
      );
      await files.rename(digest, digestFile(layer.file));
      await files.rename(path, layer.file);
      await files.syncDirectory(this.#directory);
    } catch (error) {
      await this.#remove([`${name}${IMAGE}`, `${name}${DIGEST}`]);
      throw error;
    }
    const made = await this.find(layer);
    if (made === undefined) throw new Error(`${layer.file} was made and is not there`);
    return made;
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await this.#parts.files.list(this.#directory);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async #remove(names: readonly string[]): Promise<void> {
    const steps = names.map((name) => step(BY, 'remove-tree', { directory: this.#directory, name }));
    if (steps.length > 0) await this.#parts.runHostSteps(steps);
  }
}

function digestFile(image: string): string {
  return `${image.slice(0, -IMAGE.length)}${DIGEST}`;
}

/** Of the chain id, so that equal layers make equal images. */
function uuidOf(file: string): string {
  const hex = file.slice(file.lastIndexOf('/') + 1);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
