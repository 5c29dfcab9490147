import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ERRNO } from '../linux/errno.ts';
import { workerErrors } from '../linux/helper-worker.ts';
import type { Step } from '../model/wire.ts';

/** Does what the steps of backends do to directories, and keeps what it was asked; mounts it lets be. */
export class StandInHelper {
  readonly ran: string[] = [];
  /** Steps that fail with this errno. */
  readonly refuses = new Map<string, string>();
  /** What `enable-verity` finds. */
  verity = 'none';

  readonly run = async (steps: readonly Step[]): Promise<void> => {
    for (const { op, by, values } of steps) {
      this.ran.push(op);
      const errno = this.refuses.get(op);
      if (errno !== undefined) {
        throw workerErrors.stepFailed({ by, step: op, detail: op, errno: ERRNO[errno] ?? 0 });
      }
      await this.#do(op, values as Readonly<Record<string, string>>);
    }
  };

  async #do(op: string, values: Readonly<Record<string, string>>): Promise<void> {
    const { path = '', directory = '', name = '' } = values;
    if (op === 'make-directory') await mkdir(path);
    if (op === 'remove-tree') await rm(join(directory, name), { recursive: true, force: true });
    if (op === 'make-erofs') await writeFile(path, `of ${values.tree}`, { flag: 'wx' });
    if (op === 'enable-verity') await writeFile(values.digest ?? '', this.verity, { flag: 'wx' });
    if (op === 'copy-layers') {
      const layers = values.lower as unknown as readonly string[];
      for (const layer of layers.toReversed()) await cp(layer, path, { recursive: true });
    }
  }
}
