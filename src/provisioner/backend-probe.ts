import { ERRNO } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { type Step, step } from '../model/wire.ts';
import type { Obstacle } from './backend.ts';

type RunHostSteps = (steps: readonly Step[]) => Promise<void>;

interface ProbeParts {
  readonly runHostSteps: RunHostSteps;
  /** Where layers and containers are. */
  readonly rootDir: string;
  /** Of a directory below it. */
  readonly name: string;
  /** On the empty directories `lower`, `upper` and `work` below `top`: the very steps of a launch. */
  readonly steps: (top: string) => readonly Step[];
  /** What an errno says of the host; `undefined`: nothing, so that the probe has failed. */
  readonly means: (errno: number) => Obstacle | undefined;
}

/** What a kernel or a file system answers that cannot do something; all else is an accident. */
const REFUSALS: readonly unknown[] = ['EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'EPERM', 'ENODEV'].map((name) => ERRNO[name]);

/** Whether a refusal says something of the host, and not of the moment. */
export function isRefusal(errno: number): boolean {
  return REFUSALS.includes(errno);
}

/**
 * Whether a backend works, found out by doing what a launch does: versions and names of file systems do not tell. That it does is
 * remembered; that it does not may change, by a module that is loaded or a package that is installed.
 */
export class BackendProbe {
  readonly #parts: ProbeParts;
  #works = false;
  #trying: Promise<Obstacle | undefined> = Promise.resolve(undefined);

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** @throws {EngineError} when it could not be found out, for example because the helper is gone or the disk is full */
  async obstacle(): Promise<Obstacle | undefined> {
    if (this.#works) return undefined;
    // One after the other: all would use the same names.
    const trying = this.#trying.then(
      () => this.#try(),
      () => this.#try(),
    );
    this.#trying = trying;
    return trying;
  }

  async #try(): Promise<Obstacle | undefined> {
    if (this.#works) return undefined;
    const { runHostSteps, rootDir, name, steps, means } = this.#parts;
    const top = `${rootDir}/${name}`;
    const removal = step(BY, 'remove-tree', { directory: rootDir, name });
    const make = (path: string): Step => step(BY, 'make-directory', { path, mode: 0o700, existingOk: 0 });
    const directories = ['', '/lower', '/upper', '/work'].map((below) => make(`${top}${below}`));
    try {
      await runHostSteps([removal, ...directories, ...steps(top)]);
      this.#works = true;
      return undefined;
    } catch (error) {
      const errno = stepErrno(error);
      const obstacle = errno === undefined ? undefined : means(errno);
      if (obstacle === undefined) throw error;
      return obstacle;
    } finally {
      await runHostSteps([removal]);
    }
  }
}

const BY = 'provisioner';
