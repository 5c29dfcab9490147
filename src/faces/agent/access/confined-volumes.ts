import type { PruneRequest, VolumeOperations, VolumeStatus } from '../../../engine/volume-facade.ts';
import { isErrorOfKind } from '../../../model/error.ts';
import type { NamedVolume, Volume } from '../../../model/volume.ts';
import { type Caller, isWithin, volumeRefusal } from './decide.ts';
import { accessErrors } from './errors.ts';

/** Volumes as one caller may use them: by their labels, which never change. */
export class ConfinedVolumes implements VolumeOperations {
  readonly #volumes: VolumeOperations;
  readonly #caller: Caller;

  constructor(volumes: VolumeOperations, caller: Caller) {
    this.#volumes = volumes;
    this.#caller = caller;
  }

  async create(spec: Parameters<VolumeOperations['create']>[0]): Promise<VolumeStatus> {
    const refusal = volumeRefusal(this.#caller, spec);
    if (refusal !== undefined) throw refusal;
    if (spec.name !== undefined) await this.#findOrFree(spec.name);
    return this.#volumes.create(spec);
  }

  async list(): Promise<readonly VolumeStatus[]> {
    return (await this.#volumes.list()).filter((volume) => this.#sees(volume));
  }

  async get(name: string): Promise<VolumeStatus> {
    const found = await this.#find(name);
    if (found === undefined || !this.#sees(found)) throw accessErrors.foreignVolume({ name, who: this.#caller.name });
    return found;
  }

  async remove(name: string): Promise<void> {
    await this.get(name);
    await this.#volumes.remove(name);
  }

  async prune({ all, labels, withoutLabels }: PruneRequest): Promise<readonly string[]> {
    const { scope } = this.#caller.grant;
    if (scope?.container !== undefined) return []; // none is below a container
    const own = Object.entries(scope?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    return this.#volumes.prune({ all, labels: [...labels, ...own], withoutLabels });
  }

  /**
   * The volumes of a new container. One that is there must be the caller's, and one that is not becomes it; either way
   * its labels are named, which the store holds against what it finds, so that no other volume takes the name meanwhile.
   */
  async settle(volumes: readonly Volume[]): Promise<readonly Volume[]> {
    if (this.#caller.grant.scope === undefined) return volumes;
    return Promise.all(volumes.map((volume) => (volume.kind === 'named' ? this.#settled(volume) : volume)));
  }

  async #settled(volume: NamedVolume): Promise<NamedVolume> {
    const { scope } = this.#caller.grant;
    const own = { ...volume.labels, ...scope?.labels };
    if (volume.name === undefined) return { ...volume, labels: own };
    const refusal = volumeRefusal(this.#caller, { ...volume, labels: own });
    if (refusal !== undefined) throw refusal;
    const found = await this.#findOrFree(volume.name);
    return { ...volume, labels: found === undefined ? own : (volume.labels ?? found.labels) };
  }

  /** @throws {EngineError} `access.nameTaken` */
  async #findOrFree(name: string): Promise<VolumeStatus | undefined> {
    const found = await this.#find(name);
    if (found === undefined || this.#sees(found)) return found;
    throw accessErrors.nameTaken({ what: 'volume', name, who: this.#caller.name });
  }

  async #find(name: string): Promise<VolumeStatus | undefined> {
    return this.#volumes.get(name).catch((error: unknown) => {
      if (isErrorOfKind(error, 'not-found')) return undefined;
      throw error;
    });
  }

  #sees({ labels }: VolumeStatus): boolean {
    return isWithin(this.#caller.grant.scope, { labels, ancestors: [] });
  }
}
