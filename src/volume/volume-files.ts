import { type Effects, TEMPORARY_PREFIX } from '../base/effects.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import { type Step, step } from '../model/wire.ts';
import type { VolumeRecord } from './driver.ts';

export const volumeFileErrors = defineErrors('volume-record', {
  malformed: {
    kind: 'data-loss',
    message: (d: { file: string; reason: string }) => `${d.file}: ${d.reason}`,
    remedy: () => 'the data beside it are untouched; move them away, or write the record anew',
  },
});

const BY = 'volumes';
const RECORD = 'volume.json';

export interface VolumeFilesOptions {
  readonly effects: Effects;
  /** `<root>/volumes` */
  readonly directory: string;
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
}

/**
 * The directories of volumes. One appears whole under its name, and disappears whole: it is made and removed under a
 * temporary one.
 */
export class VolumeFiles {
  readonly #options: VolumeFilesOptions;

  constructor(options: VolumeFilesOptions) {
    this.#options = options;
  }

  directoryOf(name: string): string {
    return `${this.#options.directory}/${name}`;
  }

  /** Makes the directory of all, removes what is not finished. @returns the records, and what is wrong with others */
  async load(): Promise<readonly (VolumeRecord | { readonly name: string; readonly error: unknown })[]> {
    const { effects, directory } = this.#options;
    await effects.files.makeDirectory(directory, { parents: true });
    const names = await effects.files.list(directory);
    const unfinished = names.filter((name) => name.startsWith(TEMPORARY_PREFIX));
    if (unfinished.length > 0) await this.#options.runHostSteps(unfinished.map((name) => this.#removal(name)));
    const whole = names.filter((name) => !name.startsWith(TEMPORARY_PREFIX));
    return Promise.all(whole.map(async (name) => await this.#read(name).catch((error: unknown) => ({ name, error }))));
  }

  /** @param fill makes what else belongs into the directory */
  async create(record: VolumeRecord, fill: (directory: string) => Promise<void>): Promise<void> {
    const { files } = this.#options.effects;
    const name = this.#temporaryName();
    const temporary = this.directoryOf(name);
    await files.makeDirectory(temporary);
    try {
      await fill(temporary);
      await this.#write(temporary, record);
      await files.syncDirectory(temporary);
      await files.rename(temporary, this.directoryOf(record.name));
    } catch (error) {
      await this.#options.runHostSteps([this.#removal(name)]);
      throw error;
    }
    await files.syncDirectory(this.#options.directory);
  }

  async save(record: VolumeRecord): Promise<void> {
    const directory = this.directoryOf(record.name);
    await this.#write(directory, record);
    await this.#options.effects.files.syncDirectory(directory);
  }

  async remove(name: string): Promise<void> {
    const { files } = this.#options.effects;
    const temporary = this.#temporaryName();
    await files.rename(this.directoryOf(name), this.directoryOf(temporary));
    await files.syncDirectory(this.#options.directory);
    await this.#options.runHostSteps([this.#removal(temporary)]);
  }

  #temporaryName(): string {
    return `${TEMPORARY_PREFIX}${Buffer.from(this.#options.effects.random.bytes(8)).toString('hex')}`;
  }

  #removal(name: string): Step {
    return step(BY, 'remove-tree', { directory: this.#options.directory, name });
  }

  async #write(directory: string, record: VolumeRecord): Promise<void> {
    const text = `${JSON.stringify(record)}\n`;
    await this.#options.effects.files.writeAtomic(`${directory}/${RECORD}`, text, { durability: 'synced' });
  }

  async #read(name: string): Promise<VolumeRecord> {
    const file = `${this.directoryOf(name)}/${RECORD}`;
    const refuse = (reason: string, cause?: unknown): never => {
      throw volumeFileErrors.malformed({ file, reason }, cause);
    };
    let value: unknown;
    try {
      value = JSON.parse(await this.#options.effects.files.readText(file));
    } catch (error) {
      return refuse(systemErrorCode(error) ?? 'it is no JSON', error);
    }
    const problem = problemOf(value, name);
    return problem === undefined ? (value as VolumeRecord) : refuse(problem);
  }
}

function problemOf(value: unknown, name: string): string | undefined {
  if (!isObject(value)) return 'it is no object';
  if (value.schemaVersion !== 1) return `schema version ${String(value.schemaVersion)} is not 1`;
  if (value.name !== name) return `name ${String(value.name)} is not that of its directory`;
  if (typeof value.driver !== 'string' || typeof value.createdAtMs !== 'number')
    return 'driver or createdAtMs is missing';
  if (!isObject(value.options) || !isObject(value.labels)) return 'options or labels are missing';
  return typeof value.anonymous === 'boolean' && typeof value.used === 'boolean' ? undefined : 'a switch is missing';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
