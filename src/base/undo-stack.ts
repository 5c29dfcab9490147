/**
 * What must be taken back if an operation of several acquisitions fails. Acquire, then push the undo at once.
 *
 * `unwind` runs the undos newest first, each one whatever the others do, and gathers their errors.
 */
export class UndoStack {
  #undos: { readonly what: string; readonly undo: () => Promise<void> | void }[] = [];

  /** @param what names the acquisition in an error, for example `cgroup memory` */
  push(what: string, undo: () => Promise<void> | void): void {
    this.#undos.push({ what, undo });
  }

  /** Forgets every undo: the operation succeeded and somebody else owns what it acquired. */
  release(): void {
    this.#undos = [];
  }

  /**
   * Takes back also what is pushed meanwhile, for work that was given up may still be acquiring.
   *
   * @returns the errors of the undos that failed, with what they should have taken back
   */
  async unwind(): Promise<readonly { readonly what: string; readonly error: unknown }[]> {
    const failures: { what: string; error: unknown }[] = [];
    for (let last = this.#undos.pop(); last !== undefined; last = this.#undos.pop()) {
      try {
        await last.undo();
      } catch (error) {
        failures.push({ what: last.what, error });
      }
    }
    return failures;
  }
}
