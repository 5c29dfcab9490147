import { createHash } from 'node:crypto';
import { type Clock, type Files, TEMPORARY_PREFIX } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';

/** How long a request with a key is known, and how many at once. */
export const KEEP_MS = 5 * 60_000;
export const MAX_KEYS = 512;
/** A longer answer is not written down: all of them together must not fill a volatile file system. */
const MOST_ANSWER_CHARACTERS = 16_384;
const ID_DIGITS = 32;
const NAME = /^[0-9a-f]{32}\.json$/;

/** A request with a key, as it is written down before it is carried out, and once more with its answer. */
export interface WrittenRequest {
  readonly schemaVersion: 1;
  /** What is called: method and path, or the type of a call. */
  readonly request: string;
  /** Of all else that it says, which is not kept itself: it may hold secrets. */
  readonly digest: string;
  readonly atMs: number;
  /** The uid of the container that it is about, whatever has its name by now. */
  readonly subject?: string | undefined;
  /** Absent while it is being carried out, and of one whose answer is too long. */
  readonly answer?: unknown;
}

export interface RequestJournalOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** For nothing else; of this boot, and made when it is missing. */
  readonly directory: string;
  /** Told what could not be written or read: requests are carried out all the same. */
  readonly report: (what: string, error: unknown) => void;
}

/**
 * What agents have been asked for with a key, so that the one after a killed one knows what that has begun (docs/adr/0140). A small
 * file for each: bounded in size, number and age.
 */
export class RequestJournal {
  readonly #options: RequestJournalOptions;
  /** Left by an earlier agent, and not asked for again yet. */
  #found: Promise<Set<string>> | undefined;
  #openedAtMs = 0;

  constructor(options: RequestJournalOptions) {
    this.#options = options;
  }

  /** The name of a request in the journal. Pure. @param words all that tells it apart, the caller and the key among them */
  static idOf(words: readonly string[]): string {
    return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, ID_DIGITS);
  }

  /** @returns what an earlier agent has begun, less than five minutes ago */
  async find(id: string): Promise<WrittenRequest | undefined> {
    const { files, clock } = this.#options;
    const found = await this.#open();
    if (clock.monotonicMs() - this.#openedAtMs > KEEP_MS) await this.#sweep(found);
    if (!found.has(id)) return undefined;
    try {
      const written = parseWritten(await files.readText(this.#path(id)));
      return clock.nowMs() - written.atMs < KEEP_MS ? written : undefined;
    } catch (error) {
      this.#options.report('what an earlier agent has written down of a request', error);
      return undefined;
    }
  }

  /** Never rejects: a full disk keeps nobody from stopping a container. */
  async write(id: string, request: Omit<WrittenRequest, 'schemaVersion'>): Promise<void> {
    const found = await this.#open();
    const { answer, ...begun } = request;
    const isKept = answer !== undefined && JSON.stringify(answer).length <= MOST_ANSWER_CHARACTERS;
    const text = JSON.stringify({ schemaVersion: 1, ...begun, ...(isKept && { answer }) });
    try {
      await this.#options.files.writeAtomic(this.#path(id), `${text}\n`);
      found.delete(id);
    } catch (error) {
      this.#options.report('writing down a request', error);
    }
  }

  /** One that is not there is fine. Never rejects. */
  async forget(id: string): Promise<void> {
    await this.#remove(`${id}.json`);
  }

  /** Once, at the first request with a key. */
  #open(): Promise<Set<string>> {
    this.#found ??= this.#list();
    return this.#found;
  }

  async #list(): Promise<Set<string>> {
    const { files, directory, report, clock } = this.#options;
    this.#openedAtMs = clock.monotonicMs();
    let names: readonly string[] = [];
    try {
      await files.makeDirectory(directory, { mode: 0o700, parents: true });
      names = await files.list(directory);
    } catch (error) {
      report('the journal of requests', error);
    }
    const written = names.filter((name) => NAME.test(name));
    const unfinished = names.filter((name) => name.startsWith(TEMPORARY_PREFIX));
    for (const name of [...unfinished, ...written.slice(MAX_KEYS)]) await this.#remove(name);
    return new Set(written.slice(0, MAX_KEYS).map((name) => name.slice(0, ID_DIGITS)));
  }

  async #sweep(found: Set<string>): Promise<void> {
    const ids = [...found];
    found.clear();
    for (const id of ids) await this.forget(id);
  }

  async #remove(name: string): Promise<void> {
    const { files, directory, report } = this.#options;
    try {
      await files.removeFile(`${directory}/${name}`);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') report('removing what was written down of a request', error);
    }
  }

  #path(id: string): string {
    return `${this.#options.directory}/${id}.json`;
  }
}

/** @throws for what no version of ours wrote */
function parseWritten(text: string): WrittenRequest {
  const value = JSON.parse(text) as Partial<Record<keyof WrittenRequest, unknown>>;
  const { schemaVersion, request, digest, atMs, subject } = value;
  const isWhole = typeof request === 'string' && typeof digest === 'string' && typeof atMs === 'number';
  if (schemaVersion !== 1 || !isWhole || !(subject === undefined || typeof subject === 'string')) {
    throw new Error(`${text.slice(0, 60)} is no request that a version of ours wrote down`);
  }
  return value as WrittenRequest;
}
