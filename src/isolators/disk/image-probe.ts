import { ERRNO, errnoName } from '../../linux/errno.ts';
import { stepErrno } from '../../linux/helper-worker.ts';
import { type Step, step } from '../../model/wire.ts';

const NAME = 'disk-probe';
const BYTES = 4 << 20;

type RunHostSteps = (steps: readonly Step[]) => Promise<void>;

/**
 * Whether a layer can be on a file system in a file here: found out by doing it, for that takes a program, a loop device
 * and a kernel that stacks such a thing. That it can is remembered; that it cannot may change.
 */
export class ImageProbe {
  readonly #runHostSteps: RunHostSteps;
  readonly #by: string;
  #works = false;
  #trying: Promise<string | undefined> = Promise.resolve(undefined);

  constructor(runHostSteps: RunHostSteps, by: string) {
    this.#runHostSteps = runHostSteps;
    this.#by = by;
  }

  /**
   * @param root directory of the engine's, on whose file system the file would be
   * @returns why it cannot; `undefined` when it can
   * @throws {EngineError} when it could not be found out, for example because the helper is gone
   */
  async obstacle(root: string): Promise<string | undefined> {
    if (this.#works) return undefined;
    // One after the other: all would use the same names.
    const trying = this.#trying.then(
      () => this.#try(root),
      () => this.#try(root),
    );
    this.#trying = trying;
    return trying;
  }

  async #try(root: string): Promise<string | undefined> {
    if (this.#works) return undefined;
    const removal = step(this.#by, 'remove-tree', { directory: root, name: NAME });
    try {
      await this.#runHostSteps([removal, ...this.#steps(`${root}/${NAME}`)]);
      this.#works = true;
      return undefined;
    } catch (error) {
      const errno = stepErrno(error);
      if (errno === undefined) throw error;
      const reason = errno === ERRNO.ENOEXEC ? 'there is no mkfs.ext4' : errnoName(errno);
      return `a file system in a file is refused here: ${reason}`;
    } finally {
      await this.#runHostSteps([removal]);
    }
  }

  /** The very steps of a launch, on an empty layer. */
  #steps(top: string): readonly Step[] {
    const make = (path: string): Step => step(this.#by, 'make-directory', { path, mode: 0o700, existingOk: 0 });
    return [
      make(top),
      make(`${top}/lower`),
      step(this.#by, 'create-disk', { slot: 0, path: `${top}/disk`, bytes: BYTES }),
      step(this.#by, 'create-overlay-on', { slot: 1, lower: [`${top}/lower`], disk: 0, attributes: 0, mapped: 0 }),
    ];
  }
}
