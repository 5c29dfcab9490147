import type { Clock, Files } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import { isDigest } from '../../model/digest.ts';

/** Uses of one image that follow each other faster are noted once: a launch must not wait for a file. */
const RESOLUTION_MS = 3_600_000;

/**
 * When images were last used by a container, in `image-uses.json`, to within an hour; this process knows it exactly. Nothing depends on it but which
 * images go first, so a file that is lost or unreadable costs no more than that.
 */
export class ImageUses {
  readonly #ports: { readonly files: Files; readonly clock: Clock };
  readonly #path: string;
  #loaded: Promise<Map<string, number>> | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The latest use of each image that the file tells. */
  readonly #writtenAtMs = new Map<string, number>();

  constructor(ports: { readonly files: Files; readonly clock: Clock }, root: string) {
    this.#ports = ports;
    this.#path = `${root}/image-uses.json`;
  }

  /** Returns at once; the file is written later, and at most once an hour for each image. */
  note(id: Digest): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#writing = this.#writing.then(() => this.#note([id], nowMs));
  }

  /** Images that containers have now. */
  async noteAll(ids: Iterable<Digest>): Promise<void> {
    const nowMs = this.#ports.clock.nowMs();
    const all = [...ids];
    this.#writing = this.#writing.then(() => this.#note(all, nowMs));
    await this.#writing;
  }

  async lastUsed(): Promise<ReadonlyMap<string, number>> {
    await this.#writing;
    return await this.#map();
  }

  /** Forgets images that are not here any more. */
  async keepOnly(ids: ReadonlySet<string>): Promise<void> {
    const uses = await this.#map();
    for (const id of [...uses.keys()]) {
      if (ids.has(id)) continue;
      uses.delete(id);
      this.#writtenAtMs.delete(id);
    }
  }

  async #note(ids: readonly Digest[], nowMs: number): Promise<void> {
    const uses = await this.#map();
    for (const id of ids) uses.set(id, nowMs);
    if (ids.every((id) => nowMs - (this.#writtenAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < RESOLUTION_MS)) return;
    const text = `${JSON.stringify({ version: 1, usedAtMs: Object.fromEntries(uses) })}\n`;
    try {
      await this.#ports.files.writeAtomic(this.#path, text);
      for (const id of ids) this.#writtenAtMs.set(id, nowMs);
    } catch {
      // A full disk, or a root that is not there yet: it is known in memory, and the next use tries again.
    }
  }

  #map(): Promise<Map<string, number>> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<Map<string, number>> {
    const text = await this.#ports.files.readText(this.#path).catch(() => '');
    try {
      const { usedAtMs } = JSON.parse(text) as { readonly usedAtMs?: Readonly<Record<string, unknown>> };
      const entries = Object.entries(usedAtMs ?? {});
      for (const [id, at] of entries) if (isDigest(id) && typeof at === 'number') this.#writtenAtMs.set(id, at);
      return new Map(this.#writtenAtMs);
    } catch {
      return new Map();
    }
  }
}
