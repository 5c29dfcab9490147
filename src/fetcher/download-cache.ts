import { createHash } from 'node:crypto';
import type { Effects } from '../base/effects.ts';
import { TEMPORARY_PREFIX } from '../base/effects.ts';
import type { RetryBounds } from '../image/registry/retry.ts';
import { SingleFlight } from '../image/single-flight.ts';
import type { WebClient } from '../image/web/web-client.ts';
import type { Digest } from '../model/digest.ts';
import { systemErrorCode } from '../model/error.ts';
import { evicted, type KeptFile, readCacheIndex, writeCacheIndex } from './cache-index.ts';
import { download } from './download.ts';

/** A downloaded file; it stays where it is until it is released. */
export interface DownloadedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  release(): Promise<void>;
}

export interface DownloadRequest {
  readonly url: URL;
  readonly digest: Digest | undefined;
  /** It is kept for later, as far as there is room. */
  readonly keep: boolean;
}

export interface DownloadLimits {
  /** All that is kept together. */
  readonly maxCacheBytes: number;
  /** One file. */
  readonly maxFileBytes: number;
  /** How a server that does not serve is asked again. */
  readonly retry: RetryBounds;
}

interface Present {
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  users: number;
  usedAtMs: number;
  /** For who asks for it later. */
  kept: boolean;
  isGone: boolean;
}

const INDEX = 'cache.json';

/**
 * Files that were downloaded: those that somebody uses, and those that are kept for the next one, within a bound, the
 * longest unused going first. Who asks for the same at the same time shares one download; what is kept is for those alone
 * who ask for what is kept, or say by a digest which bytes they want.
 */
export class DownloadCache {
  readonly #effects: Effects;
  readonly #web: WebClient;
  readonly #directory: string;
  readonly #limits: DownloadLimits;
  readonly #flights = new SingleFlight<never, Present>();
  /** By address and digest; what was used last is last: many uses may fall into one millisecond. */
  readonly #kept = new Map<string, Present>();
  #ready: Promise<void> | undefined;
  /** Changes of the list, one after the other. */
  #changes: Promise<void> = Promise.resolve();

  constructor(
    effects: Effects,
    web: WebClient,
    place: { readonly directory: string; readonly limits: DownloadLimits },
  ) {
    this.#effects = effects;
    this.#web = web;
    this.#directory = place.directory;
    this.#limits = place.limits;
  }

  /** @throws {EngineError} `web.*`, `fetcher.*`, `pull.cancelled` */
  async open(request: DownloadRequest, signal: AbortSignal): Promise<DownloadedFile> {
    await this.#open();
    const { url, digest } = request;
    const key = createHash('sha256')
      .update(JSON.stringify([url.href, digest ?? '']))
      .digest('hex');
    for (;;) {
      const kept = request.keep || digest !== undefined ? this.#kept.get(key) : undefined;
      const present = kept ?? (await this.#flights.join(key, (ends) => this.#download(request, ends), { signal }));
      if (present.isGone) continue; // its only other user had done with it
      present.users++;
      present.usedAtMs = this.#effects.clock.nowMs();
      if (this.#kept.get(key) === present) {
        this.#kept.delete(key);
        this.#kept.set(key, present);
      }
      const release = this.#releaseOnce(present);
      if (request.keep && !present.kept) await this.#change(() => this.#keep(key, present));
      return { path: this.#pathOf(present.name), sizeBytes: present.sizeBytes, digest: present.digest, release };
    }
  }

  /** Takes a file away that turned out to be another one than was downloaded. */
  async forget(file: DownloadedFile): Promise<void> {
    for (const [key, present] of this.#kept) {
      if (this.#pathOf(present.name) !== file.path) continue;
      this.#kept.delete(key);
      present.kept = false;
      await this.#change(() => this.#writeIndex());
    }
  }

  /** Removes what an earlier process left unfinished or did not keep. Called once, when the engine starts. */
  async recover(): Promise<void> {
    if (await this.#effects.files.exists(this.#directory)) await this.#open();
  }

  async #open(): Promise<void> {
    this.#ready ??= this.#load();
    await this.#ready.catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
  }

  async #load(): Promise<void> {
    const { files } = this.#effects;
    await files.makeDirectory(this.#directory, { mode: 0o700, parents: true });
    const listed = new Map(
      (await readCacheIndex(files, `${this.#directory}/${INDEX}`)).map((file) => [file.name, file]),
    );
    for (const name of await files.list(this.#directory)) {
      if (name === INDEX) continue;
      const file = name.startsWith(TEMPORARY_PREFIX) ? undefined : listed.get(name);
      const isWhole = file !== undefined && (await files.status(this.#pathOf(name))).sizeBytes === file.sizeBytes;
      if (isWhole) this.#kept.set(file.key, { ...file, users: 0, kept: true, isGone: false });
      else await files.removeFile(this.#pathOf(name));
    }
  }

  async #download({ url, digest }: DownloadRequest, signal: AbortSignal): Promise<Present> {
    const { files, clock, random } = this.#effects;
    // Another name than that of any earlier download, whose removal may still be under way.
    const name = Buffer.from(random.bytes(16)).toString('hex');
    const place = { directory: this.#directory, name, maxBytes: this.#limits.maxFileBytes };
    const ports = { files, clock, random, web: this.#web, bounds: this.#limits.retry };
    const whole = await download(ports, { url, digest, signal, ...place });
    return { name, ...whole, users: 0, kept: false, isGone: false, usedAtMs: clock.nowMs() };
  }

  /** In the place of what was kept of the same address and digest. */
  async #keep(key: string, present: Present): Promise<void> {
    const { maxCacheBytes: maxBytes } = this.#limits;
    const inUse = (other: string): boolean => (this.#kept.get(other)?.users ?? 0) > 0;
    const others = this.#keptFiles().filter((file) => file.key !== key);
    const gone = evicted(others, { newBytes: present.sizeBytes, maxBytes, inUse });
    if (gone === undefined || present.kept) return;
    const before = this.#kept.get(key);
    this.#kept.delete(key);
    this.#kept.set(key, present);
    present.kept = true;
    const evictions = gone.flatMap(({ key: old }) => this.#kept.get(old) ?? []);
    for (const { key: old } of gone) this.#kept.delete(old);
    await this.#writeIndex();
    for (const old of evictions) await this.#remove(old);
    if (before === undefined) return;
    before.kept = false;
    if (before.users === 0) await this.#remove(before);
  }

  #releaseOnce(present: Present): () => Promise<void> {
    let isReleased = false;
    return async () => {
      if (isReleased) return;
      isReleased = true;
      present.users--;
      if (present.users === 0 && !present.kept) await this.#remove(present);
    };
  }

  #keptFiles(): readonly KeptFile[] {
    return [...this.#kept].map(([key, { name, sizeBytes, digest, usedAtMs }]) => ({
      ...{ key, name, sizeBytes, digest, usedAtMs },
    }));
  }

  async #writeIndex(): Promise<void> {
    await writeCacheIndex(this.#effects.files, `${this.#directory}/${INDEX}`, this.#keptFiles());
  }

  async #remove(present: Present): Promise<void> {
    present.isGone = true;
    try {
      await this.#effects.files.removeFile(this.#pathOf(present.name));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(work);
    this.#changes = done.catch(() => {});
    return done;
  }

  #pathOf(name: string): string {
    return `${this.#directory}/${name}`;
  }
}
