import { readFileSync, writeFileSync } from 'node:fs';

const LOOK_MS = 50;

/** The most memory that a process has had since it is watched; also of one that ends meanwhile. */
export class PeakMemory {
  /** When the watching began. */
  readonly firstBytes: number;
  #peakBytes: number;
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#pid = pid;
    writeFileSync(`/proc/${pid}/clear_refs`, '5'); // the kernel forgets the peak so far (proc_pid_clear_refs(5))
    this.firstBytes = this.#look() ?? 0;
    this.#peakBytes = this.firstBytes;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Ends the watching. */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#peakBytes;
  }

  #look(): number | undefined {
    try {
      const kibibytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1];
      if (kibibytes === undefined) return undefined;
      this.#peakBytes = Number(kibibytes) * 1024;
      return this.#peakBytes;
    } catch {
      return undefined; // it has ended
    }
  }
}
