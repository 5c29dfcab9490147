import type { PlanTemplate } from './planned-launch.ts';

const MAX_TEMPLATES = 64;
/** A plan that weighs more (an environment of many kilobytes) is made anew each time. */
const MAX_WEIGHT = 64 << 10;

/** Plans of the configurations launched last, by all that they were made from but the uid. */
export class RememberedPlans {
  readonly #templates = new Map<string, PlanTemplate>();

  /** The plan made from these facts, by `make` when it is not known. @throws what `make` throws */
  get(key: string, make: () => PlanTemplate): PlanTemplate {
    const known = this.#templates.get(key);
    if (known !== undefined) {
      this.#templates.delete(key); // and in again at the end, among those used last
      this.#templates.set(key, known);
      return known;
    }
    const made = make();
    if (made.weight + key.length <= MAX_WEIGHT) this.#remember(key, made);
    return made;
  }

  #remember(key: string, template: PlanTemplate): void {
    this.#templates.set(key, template);
    const [oldest] = this.#templates.keys();
    if (this.#templates.size > MAX_TEMPLATES && oldest !== undefined) this.#templates.delete(oldest);
  }
}
