import type { ContainerStatus } from '../../../engine/facade.ts';
import type { FileOperations } from '../../../engine/file-facade.ts';
import type { Caller } from './decide.ts';
import { accessErrors } from './errors.ts';

/** Whoever finds the containers that a caller sees. */
interface Finder {
  status(id: string): Promise<ContainerStatus>;
}

/** Files of those containers that a caller sees. A copy has the rights of root: in one with the host's own files that is the host. */
export class ConfinedFiles implements FileOperations {
  readonly #files: FileOperations;
  readonly #finder: Finder;
  readonly #caller: Caller;

  constructor(files: FileOperations, finder: Finder, caller: Caller) {
    this.#files = files;
    this.#finder = finder;
    this.#caller = caller;
  }

  async lookAt(id: string, ...rest: Tail<'lookAt'>): ReturnType<FileOperations['lookAt']> {
    return this.#files.lookAt(await this.#uid(id), ...rest);
  }

  async read(id: string, ...rest: Tail<'read'>): ReturnType<FileOperations['read']> {
    return this.#files.read(await this.#uid(id), ...rest);
  }

  async write(id: string, ...rest: Tail<'write'>): ReturnType<FileOperations['write']> {
    return this.#files.write(await this.#uid(id), ...rest);
  }

  async #uid(id: string): Promise<string> {
    const { uid, config } = await this.#finder.status(id);
    const { name: who, grant } = this.#caller;
    if (config.rootfs.kind === 'none' && grant.role !== 'admin') {
      throw accessErrors.outOfReach({
        who,
        role: grant.role,
        what: [`files of container ${uid}, which are the host's`],
      });
    }
    return uid;
  }
}

type Tail<Name extends keyof FileOperations> =
  Parameters<FileOperations[Name]> extends [string, ...infer Rest] ? Rest : never;
