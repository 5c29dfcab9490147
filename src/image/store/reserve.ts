import type { Files, Random } from '../../base/effects.ts';
import { removeIfThere } from '../blob-store.ts';
import { isDiskFull } from './store-errors.ts';

const NAME = 'reserve';
/** Enough for the list of some dozen images; one that is longer has a reserve of its own length. */
const LEAST_BYTES = 64 * 1024;

/**
 * `<root>/reserve`: room that is kept for taking images away, which has to write a list before it may free anything. It is given up
 * when that finds the disk full, and taken again once there is room.
 */
export class Reserve {
  readonly #files: Files;
  readonly #random: Random;
  readonly #path: string;
  readonly #spare: readonly string[];

  /** @param root directory of the store */
  constructor(ports: { readonly files: Files; readonly random: Random }, root: string) {
    this.#files = ports.files;
    this.#random = ports.random;
    this.#path = `${root}/${NAME}`;
    // The list for other tools is made anew after every change, so it may go, too; older stores have no reserve.
    this.#spare = [this.#path, `${root}/index.json`];
  }

  /** Tries again, each time with something less on the disk, as long as it is full. @throws what the last attempt throws */
  async within<Result>(write: () => Promise<Result>): Promise<Result> {
    for (const path of this.#spare) {
      try {
        return await write();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        await removeIfThere(this.#files, path);
      }
    }
    return await write();
  }

  /** Takes room for a list of this length, if there is any. What cannot be compressed, for there are file systems that do. */
  async take(listBytes: number): Promise<void> {
    const wantedBytes = Math.max(LEAST_BYTES, listBytes);
    try {
      if ((await this.#sizeBytes()) >= wantedBytes) return;
      await this.#files.writeAtomic(this.#path, this.#random.bytes(wantedBytes));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  async #sizeBytes(): Promise<number> {
    if (!(await this.#files.exists(this.#path))) return 0;
    return (await this.#files.status(this.#path)).sizeBytes;
  }
}
