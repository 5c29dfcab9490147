import type { Files } from '../base/effects.ts';
import type { Worker } from '../linux/helper-worker.ts';
import { type FileText, type KernelFile, readEach } from '../linux/kernel-files.ts';
import type { StepRunner } from './step-runner.ts';

/** Up to so many are read here: they take no longer than the way to a worker and back. */
const FEW_FILES = 24;

export interface KernelFileReaderOptions {
  readonly files: Files;
  readonly steps: Pick<StepRunner, 'use'>;
}

/**
 * Reads many kernel files at once, in a worker of the helper: what a file costs there is two thirds of what it costs
 * here, and another processor does it.
 */
export class KernelFileReader {
  readonly #options: KernelFileReaderOptions;

  constructor(options: KernelFileReaderOptions) {
    this.#options = options;
  }

  /** @returns their texts, in order. @throws {EngineError} `helper-worker.unreadable`, `launcher.unavailable` */
  async read(wanted: readonly KernelFile[]): Promise<readonly FileText[]> {
    const { files, steps } = this.#options;
    if (wanted.length <= FEW_FILES) return readEach(files, wanted);
    return steps.use('kernel files that are read', (worker) => readIn(worker, wanted));
  }
}

async function readIn(worker: Worker, wanted: readonly KernelFile[]): Promise<readonly FileText[]> {
  const texts: FileText[] = new Array(wanted.length);
  // All asked before the first is answered: the worker never waits for us.
  await Promise.all([...placesByDirectory(wanted)].map(([directory, places]) => readBelow(directory, places)));
  return texts;

  async function readBelow(directory: string, places: readonly number[]): Promise<void> {
    for (let done = 0; done < places.length; ) {
      const asked = places.slice(done, done + MOST_NAMES);
      const found = await worker.readFiles(
        directory,
        asked.map((place) => wanted[place]?.name ?? ''),
      );
      for (const [index, text] of found.entries()) texts[asked[index] ?? 0] = text;
      done += found.length;
    }
  }
}

/** Keeps a request far below what a frame may hold: a name has at most 255 bytes for each of its few parts. */
const MOST_NAMES = 500;

function placesByDirectory(wanted: readonly KernelFile[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [place, { directory }] of wanted.entries()) {
    const known = places.get(directory);
    if (known === undefined) places.set(directory, [place]);
    else known.push(place);
  }
  return places;
}
