/** The last values that were made for a key, at most `limit` of them: what is compiled once serves every later launch. */
export class FilterCache<Value> {
  readonly #limit: number;
  readonly #values = new Map<string, Value>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param make is pure: what it throws is thrown, and asked again the next time */
  get(key: string, make: () => Value): Value {
    const value = this.#values.get(key) ?? make();
    // The last one asked for goes to the end, so that the first is the one that nobody has asked for the longest.
    this.#values.delete(key);
    this.#values.set(key, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#limit && oldest !== undefined) this.#values.delete(oldest);
    return value;
  }
}
