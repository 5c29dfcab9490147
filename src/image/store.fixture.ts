import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEffects } from '../base/effects/node-effects.ts';
import type { UnpackResult } from '../linux/helper-worker.ts';
import type { Step } from '../model/wire.ts';
import { sha256Of } from './config-document.ts';
import { createImages, type ImageStoreOptions } from './image-store.ts';
import type { Images } from './images.ts';
import type { LayerWorker } from './layer-store.ts';
import type { ImageLimits } from './limits.ts';

/** What the fake worker does instead of unpacking everything. */
export interface FakeUnpacking {
  /** Answers so after this many bytes. */
  readonly fail?: { readonly errno: number; readonly entry: string; readonly afterBytes?: number };
  /** Answers success without reading to the end. */
  readonly early?: boolean;
}

/** What the fake worker says that any path takes. */
export const MEASURED_BYTES = 4096;

/** A store in a temporary directory with a worker that keeps each layer's tar as one file, `tar`. */
export class StoreFixture {
  readonly root = mkdtempSync(join(tmpdir(), 'isopod-images-'));
  readonly steps: Step[] = [];
  unpacking: FakeUnpacking = {};
  openWorkers = 0;

  open(options: Partial<ImageStoreOptions> = {}, limits: Partial<ImageLimits> = {}): Images {
    return createImages({
      effects: nodeEffects(),
      root: this.root,
      connectWorker: async () => this.#worker(),
      embeddedPrograms: {},
      limits: { retryDelayMs: 1, ...limits },
      ...options,
    });
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  /** Everything below the root, sorted; what a failed pull must leave empty. */
  async files(): Promise<readonly string[]> {
    const entries = await readdir(this.root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() || entry.name.startsWith('tmp-'))
      .map((entry) => join(entry.parentPath, entry.name).slice(this.root.length + 1))
      .sort();
  }

  #worker(): LayerWorker {
    this.openWorkers++;
    let open = true;
    return {
      run: async (steps) => {
        for (const step of steps) this.#run(step);
      },
      unpack: async (options, source) => await this.#unpack(options.directory, source),
      enterRoot: async () => {
        throw new Error('no directory is packed here');
      },
      measure: async ({ paths }) => ({ bytes: paths.length * MEASURED_BYTES, entries: paths.length, unread: 0 }),
      close: () => {
        if (open) this.openWorkers--;
        open = false;
      },
    };
  }

  #run(step: Step): void {
    this.steps.push(step);
    if (step.op !== 'remove-tree') return;
    rmSync(join(step.values.directory as string, step.values.name as string), { recursive: true, force: true });
  }

  async #unpack(directory: string, source: AsyncIterable<Uint8Array>): Promise<UnpackResult> {
    const { fail, early } = this.unpacking;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of source) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (fail !== undefined && bytes >= (fail.afterBytes ?? 0)) return { ok: false, failure: fail };
      if (early === true) break;
    }
    const tar = Buffer.concat(chunks);
    writeFileSync(join(directory, 'tar'), tar);
    writeFileSync(join(directory, 'digest'), sha256Of(tar));
    return { ok: true, entries: 1, bytes };
  }
}
