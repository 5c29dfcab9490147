/** Who writes into which layouts at the moment: what one has written another one may count on, before either is done. */
export class OpenLayouts {
  readonly #writers = new Map<string, Set<LayoutWriter>>();

  /** @param directory as the kernel names it, whatever links lead there */
  enter(directory: string): LayoutWriter {
    const writers = this.#writers.get(directory) ?? new Set();
    const writer: LayoutWriter = {
      wasShared: writers.size > 0,
      leave: () => {
        writers.delete(writer);
        if (writers.size === 0 && this.#writers.get(directory) === writers) this.#writers.delete(directory);
      },
    };
    for (const other of writers) other.wasShared = true;
    this.#writers.set(directory, writers.add(writer));
    return writer;
  }
}

export interface LayoutWriter {
  /** Somebody else wrote there at the same time. */
  wasShared: boolean;
  leave(): void;
}
