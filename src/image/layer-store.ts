import type { Effects } from '../base/effects.ts';
import { stepErrno, type Worker } from '../linux/helper-worker.ts';
import { type Digest, digestHex } from '../model/digest.ts';
import { systemErrorCode } from '../model/error.ts';
import { type Step, step } from '../model/wire.ts';
import { listOrEmpty } from './blob-store.ts';

/** What the image store needs of a helper worker. */
export type LayerWorker = Pick<Worker, 'run' | 'unpack' | 'enterRoot' | 'measure' | 'close'>;
export type ConnectLayerWorker = (signal?: AbortSignal) => Promise<LayerWorker>;

/** A layer that is being unpacked, under a name that a start sweeps away. */
export interface StagedLayer {
  readonly chainId: Digest;
  readonly name: string;
  readonly directory: string;
}

const BY = 'image store';
const STAGED = 'tmp-';
/** Container roots are readable by everybody; an entry for `./` in the layer overrides it. */
const ROOT_MODE = 0o755;
const REMOVALS_PER_REQUEST = 256;

/**
 * Unpacked layers, one directory each by chain id. A directory has that name only once it is whole and synced, so
 * whatever bears one can be trusted after any crash.
 */
export class LayerStore {
  readonly #effects: Effects;
  readonly #connect: ConnectLayerWorker;
  readonly #directory: string;
  #spread: Promise<void> | undefined;

  constructor(effects: Effects, root: string, connect: ConnectLayerWorker) {
    this.#effects = effects;
    this.#connect = connect;
    this.#directory = `${root}/layers`;
  }

  directoryOf(chainId: Digest): string {
    return `${this.#directory}/${digestHex(chainId)}`;
  }

  async has(chainId: Digest): Promise<boolean> {
    return await this.#effects.files.exists(this.directoryOf(chainId));
  }

  /** Makes an empty directory to unpack a layer into. */
  async stage(chainId: Digest): Promise<StagedLayer> {
    const name = this.#temporaryName();
    const directory = `${this.#directory}/${name}`;
    await this.#effects.files.makeDirectory(this.#directory, { parents: true });
    this.#spread ??= this.#spreadLayers();
    await this.#spread;
    await this.#effects.files.makeDirectory(directory, { mode: ROOT_MODE });
    return { chainId, name, directory };
  }

  /** Syncs the file systems of staged layers and of other directories, each at once. */
  async sync(others: readonly string[]): Promise<void> {
    const { files } = this.#effects;
    const paths = new Map<bigint, string>();
    for (const path of [this.#directory, ...others]) {
      if (await files.exists(path)) paths.set((await files.status(path)).device, path);
    }
    await this.#run([...paths.values()].map((path) => step(BY, 'sync-filesystem', { path })));
  }

  /** Gives staged layers, which are synced, their names; of two equal ones the first stays. */
  async publish(staged: readonly StagedLayer[]): Promise<void> {
    if (staged.length === 0) return;
    const { files } = this.#effects;
    const superfluous: StagedLayer[] = [];
    for (const layer of staged) {
      try {
        await files.rename(layer.directory, this.directoryOf(layer.chainId));
      } catch (error) {
        const code = systemErrorCode(error);
        if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
        superfluous.push(layer);
      }
    }
    await files.syncDirectory(this.#directory);
    await this.discard(superfluous);
  }

  /** Removes staged layers that did not come to anything. */
  async discard(staged: readonly StagedLayer[]): Promise<void> {
    await this.#removeTrees(staged.map(({ name }) => name));
  }

  /** Every layer here. */
  async chainIds(): Promise<readonly Digest[]> {
    const names = await listOrEmpty(this.#effects.files, this.#directory);
    return names.filter((name) => !name.startsWith(STAGED)).map((name) => `sha256:${name}` as Digest);
  }

  /**
   * Takes layers their names, which is quick; a half-removed tree must not bear one.
   *
   * @returns what removes the trees, which may take long
   */
  async unname(chainIds: readonly Digest[]): Promise<() => Promise<void>> {
    const doomed: string[] = [];
    for (const chainId of chainIds) {
      const temporary = this.#temporaryName();
      await this.#effects.files.rename(this.directoryOf(chainId), `${this.#directory}/${temporary}`);
      doomed.push(temporary);
    }
    return () => this.#removeTrees(doomed);
  }

  /** Removes what a killed process had staged. Only for a start: it takes everything that is staged. */
  async sweep(): Promise<void> {
    const names = await listOrEmpty(this.#effects.files, this.#directory);
    await this.#removeTrees(names.filter((name) => name.startsWith(STAGED)));
  }

  /**
   * Layers far apart do not wait for each other's part of the file system, nor for what was removed there just before. It is
   * but a wish: there are file systems without such a thing, and fork servers from before it.
   */
  async #spreadLayers(): Promise<void> {
    try {
      await this.#run([step(BY, 'spread-directories', { path: this.#directory })]);
    } catch (error) {
      if (stepErrno(error) === undefined) {
        this.#spread = undefined;
        throw error;
      }
    }
  }

  async #removeTrees(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += REMOVALS_PER_REQUEST) {
      const batch = names.slice(start, start + REMOVALS_PER_REQUEST);
      await this.#run(batch.map((name) => step(BY, 'remove-tree', { directory: this.#directory, name })));
    }
  }

  async #run(steps: readonly Step[]): Promise<void> {
    const worker = await this.#connect();
    try {
      await worker.run(steps);
    } finally {
      worker.close();
    }
  }

  #temporaryName(): string {
    return `${STAGED}${Buffer.from(this.#effects.random.bytes(8)).toString('hex')}`;
  }
}
