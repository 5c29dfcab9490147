/** Looks for the detach sequence in what is typed; a beginning of it is held back until it is decided. */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** @returns what goes to the process, and whether the sequence is complete (the rest of the bytes is dropped) */
  push(bytes: Uint8Array): { readonly data: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { data: bytes, detached: false };
    const out: number[] = [];
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched]) {
        out.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) {
        out.push(byte);
        continue;
      }
      this.#matched += 1;
      if (this.#matched === this.#keys.length) return { data: Uint8Array.from(out), detached: true };
    }
    return { data: Uint8Array.from(out), detached: false };
  }
}
