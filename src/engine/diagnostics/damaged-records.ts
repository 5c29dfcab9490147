import { systemReason } from '../../linux/errno.ts';
import type { EngineProblem } from '../problem.ts';
import type { DamagedRecord } from './diagnostics-facade.ts';

/** Whoever has more of them has lost a disk, and is told so by the first. */
const MOST = 1_000;

/** The records that could not be read since the engine was opened, each once. */
export class DamagedRecords {
  readonly #found = new Map<string, DamagedRecord>();

  /** Notes a problem that is about such a record. */
  note({ damagedFile: file, uid, error }: EngineProblem, atMs: number): void {
    if (file === undefined || this.#found.has(file) || this.#found.size >= MOST) return;
    const reason = systemReason(error) ?? (error instanceof Error ? error.message : String(error));
    this.#found.set(file, { file, container: uid, reason, atMs });
  }

  list(): readonly DamagedRecord[] {
    return [...this.#found.values()];
  }
}
