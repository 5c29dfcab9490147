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

  /** @returns their texts, in order. @throws {EngineError} `launcher.unavailable` */
  async read(wanted: readonly KernelFile[]): Promise<readonly FileText[]> {
    const { files, steps } = this.#options;
    if (wanted.length <= FEW_FILES) return readEach(files, wanted);
    return steps.use('kernel files that are read', (worker) => readIn(worker, wanted));
  }
}

async function readIn(worker: Worker, wanted: readonly KernelFile[]): Promise<readonly FileText[]> {
  const texts: FileText[] = new Array(wanted.length);
  let left = placesByDirectory(wanted);
  while (left.length > 0) {
    const { paths, places } = listOf(wanted, left.slice(0, MOST_FILES));
    const found = await worker.readFiles(paths);
    let done = 0;
    for (const [index, text] of found.entries()) {
      const place = places[index];
      if (place === undefined) continue; // a directory
      texts[place] = text;
      done += 1;
    }
    left = left.slice(done);
  }
  return texts;
}

/** Keeps a request far below what a frame may hold: a name has a hundred bytes at most. */
const MOST_FILES = 2000;

/** The places of all that are wanted, those of one directory side by side. */
function placesByDirectory(wanted: readonly KernelFile[]): readonly number[] {
  const groups = new Map<string, number[]>();
  for (const [place, { directory }] of wanted.entries()) {
    const group = groups.get(directory);
    if (group === undefined) groups.set(directory, [place]);
    else group.push(place);
  }
  return [...groups.values()].flat();
}

/** The directories and names to ask for, and beside each name its place in `wanted`. */
function listOf(wanted: readonly KernelFile[], places: readonly number[]) {
  const paths: string[] = [];
  const placeOf: (number | undefined)[] = [];
  let current: string | undefined;
  for (const place of places) {
    const file = wanted[place];
    if (file === undefined) continue;
    if (file.directory !== current) {
      current = file.directory;
      paths.push(current);
      placeOf.push(undefined);
    }
    paths.push(file.name);
    placeOf.push(place);
  }
  return { paths, places: placeOf };
}
