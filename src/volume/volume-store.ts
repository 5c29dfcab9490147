import { isDeepStrictEqual } from 'node:util';
import type { Effects } from '../base/effects.ts';
import { parseVolumeName } from '../model/check-volume.ts';
import { defineErrors } from '../model/error.ts';
import type { Volume, VolumeSource } from '../model/volume.ts';
import type { VolumeDriver, VolumeRecord } from './driver.ts';
import { VolumeFiles, type VolumeFilesOptions } from './volume-files.ts';
import {
  isSettled,
  type SettledVolume,
  type UsersOf,
  type VolumeChange,
  type VolumeInfo,
  type VolumeSpec,
  type Volumes,
} from './volumes.ts';

export const volumesErrors = defineErrors('volumes', {
  unknown: {
    kind: 'not-found',
    message: (d: { name: string }) => `there is no volume ${d.name}`,
    remedy: () => 'isopod volume ls tells which there are',
  },
  unknownDriver: {
    kind: 'invalid-argument',
    message: (d: { driver: string; known: readonly string[] }) =>
      `volume driver ${JSON.stringify(d.driver)} is not one of ${d.known.join(', ')}`,
  },
  differs: {
    kind: 'already-exists',
    message: (d: { name: string; field: string; has: string; wanted: string }) =>
      `volume ${d.name} is there with ${d.field} ${d.has}, and was asked for with ${d.wanted}`,
    remedy: () => 'leave that out, take another name, or remove the volume first',
  },
  inUse: {
    kind: 'failed-precondition',
    message: (d: { name: string; containers: readonly string[] }) =>
      `volume ${d.name} is used by ${d.containers.join(', ')}`,
    remedy: () => 'remove those containers first',
  },
  damaged: {
    kind: 'data-loss',
    message: (d: { name: string }) => `volume ${d.name} has a damaged record, so nothing can be said of its data`,
    remedy: () => 'see the log of the agent for what is wrong with it',
  },
});

export interface VolumeStoreOptions extends VolumeFilesOptions {
  readonly drivers: readonly VolumeDriver[];
  /** Told of records that cannot be read; what they stand for is left alone. */
  readonly report: (what: string, error: unknown) => void;
}

const ANONYMOUS_BYTES = 32;

export function createVolumes(options: VolumeStoreOptions): Volumes {
  return new VolumeStore(options);
}

/** Records in memory, each written before it counts; whoever changes them does so alone. */
class VolumeStore implements Volumes {
  readonly #effects: Effects;
  readonly #files: VolumeFiles;
  readonly #drivers: ReadonlyMap<string, VolumeDriver>;
  readonly #report: VolumeStoreOptions['report'];
  readonly #records = new Map<string, VolumeRecord>();
  readonly #damaged = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #told: VolumeChange = () => {};

  constructor(options: VolumeStoreOptions) {
    this.#effects = options.effects;
    this.#files = new VolumeFiles(options);
    this.#drivers = new Map(options.drivers.map((driver) => [driver.name, driver]));
    this.#report = options.report;
  }

  async load(): Promise<void> {
    for (const found of await this.#files.load()) {
      if (!('error' in found)) this.#records.set(found.name, found);
      else {
        this.#damaged.add(found.name);
        this.#report(`volume ${found.name} is left alone`, found.error);
      }
    }
  }

  async sweep(isContainer: (uid: string) => Promise<boolean>): Promise<void> {
    for (const { name, owner } of [...this.#records.values()]) {
      if (owner !== undefined && !(await isContainer(owner))) await this.#exclusive(() => this.#delete(name));
    }
  }

  onChange(told: VolumeChange): void {
    this.#told = told;
  }

  list(): readonly VolumeInfo[] {
    return [...this.#records.values()].map((record) => this.#info(record));
  }

  get(name: string): VolumeInfo {
    return this.#info(this.#record(name));
  }

  async create(spec: VolumeSpec): Promise<VolumeInfo> {
    const name = spec.name ?? newVolumeName(this.#effects);
    return this.#info(await this.#exclusive(() => this.#ensure(name, { ...spec, anonymous: spec.name === undefined })));
  }

  acquire(volumes: readonly Volume[], owner: string): Promise<Readonly<Record<string, VolumeSource>>> {
    const named = volumes.filter(isSettled);
    if (named.length === 0) return Promise.resolve({});
    return this.#exclusive(async () => {
      const sources: Record<string, VolumeSource> = {};
      for (const volume of named) {
        const record = await this.#ensure(volume.name, {
          ...specOf(volume),
          ...(volume.anonymous === true ? { anonymous: true, owner } : { anonymous: false }),
        });
        sources[volume.containerPath] = this.#source(record);
      }
      return sources;
    });
  }

  preview(volumes: readonly Volume[]): Readonly<Record<string, VolumeSource>> {
    const named = volumes.filter(isSettled);
    return Object.fromEntries(
      named.map((volume) => {
        const spec = { ...specOf(volume), anonymous: volume.anonymous === true };
        const record = this.#records.get(volume.name) ?? this.#newRecord(volume.name, spec);
        return [volume.containerPath, this.#source(record)];
      }),
    );
  }

  async markUsed(names: readonly string[]): Promise<void> {
    const fresh = names.filter((name) => this.#records.get(name)?.used === false);
    if (fresh.length === 0) return;
    await this.#exclusive(async () => {
      for (const name of fresh) await this.#change(name, (record) => ({ ...record, used: true }));
    });
  }

  remove(name: string, usersOf: UsersOf): Promise<void> {
    return this.#exclusive(async () => {
      this.#record(name);
      const containers = usersOf(name);
      if (containers.length > 0) throw volumesErrors.inUse({ name, containers });
      await this.#delete(name);
    });
  }

  async removeOwned(owner: string, usersOf: UsersOf): Promise<void> {
    const owned = this.#ownedBy(owner);
    if (owned.length === 0) return;
    await this.#exclusive(async () => {
      for (const name of owned) {
        if (usersOf(name).length === 0) await this.#delete(name);
        else await this.#change(name, withoutOwner);
      }
    });
  }

  async keepOwned(owner: string): Promise<void> {
    const owned = this.#ownedBy(owner);
    if (owned.length === 0) return;
    await this.#exclusive(async () => {
      for (const name of owned) await this.#change(name, withoutOwner);
    });
  }

  #ownedBy(owner: string): readonly string[] {
    return [...this.#records.values()].filter((record) => record.owner === owner).map(({ name }) => name);
  }

  #record(name: string): VolumeRecord {
    const record = this.#records.get(name);
    if (record !== undefined) return record;
    throw this.#damaged.has(name) ? volumesErrors.damaged({ name }) : volumesErrors.unknown({ name });
  }

  async #ensure(name: string, spec: NewVolume): Promise<VolumeRecord> {
    const known = this.#records.get(name);
    if (known !== undefined) {
      checkSame(known, spec);
      return known;
    }
    if (this.#damaged.has(name)) throw volumesErrors.damaged({ name });
    const record = this.#newRecord(name, spec);
    await this.#files.create(record, (directory) => this.#driver(record.driver).create(record, directory));
    this.#records.set(name, record);
    this.#told('created', name);
    return record;
  }

  #newRecord(name: string, { driver = 'local', options = {}, labels = {}, anonymous, owner }: NewVolume): VolumeRecord {
    parseVolumeName('volume name', name);
    this.#driver(driver).check({ name, options });
    return {
      ...{ schemaVersion: 1, name, driver, options, labels, anonymous, used: false },
      createdAtMs: this.#effects.clock.nowMs(),
      ...(owner === undefined ? {} : { owner }),
    };
  }

  async #change(name: string, change: (record: VolumeRecord) => VolumeRecord): Promise<void> {
    const record = this.#records.get(name);
    if (record === undefined) return;
    const changed = change(record);
    await this.#files.save(changed);
    this.#records.set(name, changed);
  }

  /** From its disappearance on it does not exist, whatever becomes of its data: what is left is swept at the next start. */
  async #delete(name: string): Promise<void> {
    const record = this.#record(name);
    await this.#driver(record.driver).remove(record, this.#files.directoryOf(name));
    this.#records.delete(name);
    this.#told('removed', name);
    await this.#files.remove(name);
  }

  #driver(name: string): VolumeDriver {
    const driver = this.#drivers.get(name);
    if (driver === undefined) throw volumesErrors.unknownDriver({ driver: name, known: [...this.#drivers.keys()] });
    return driver;
  }

  #source(record: VolumeRecord): VolumeSource {
    return this.#driver(record.driver).source(record, this.#files.directoryOf(record.name));
  }

  #info({ schemaVersion: _, ...record }: VolumeRecord): VolumeInfo {
    const source = this.#source({ schemaVersion: 1, ...record });
    return { ...record, mountPoint: source.kind === 'directory' ? source.path : '' };
  }

  async #exclusive<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => {});
    return await result;
  }
}

interface NewVolume extends VolumeSpec {
  readonly anonymous: boolean;
  readonly owner?: string;
}

/** 64 hex digits, as Docker names volumes that nobody has named. */
export function newVolumeName({ random }: Pick<Effects, 'random'>): string {
  return Buffer.from(random.bytes(ANONYMOUS_BYTES)).toString('hex');
}

function specOf({ driver, options, labels }: SettledVolume): VolumeSpec {
  return { driver, options, labels };
}

function withoutOwner({ owner: _, ...record }: VolumeRecord): VolumeRecord {
  return record;
}

/** Whoever says nothing takes what is there. @throws {EngineError} `volumes.differs` */
function checkSame(record: VolumeRecord, spec: VolumeSpec): void {
  for (const field of ['driver', 'options', 'labels'] as const) {
    const wanted = spec[field];
    if (wanted === undefined || isDeepStrictEqual(record[field], wanted)) continue;
    throw volumesErrors.differs({ name: record.name, field, has: shown(record[field]), wanted: shown(wanted) });
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
