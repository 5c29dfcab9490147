import { FD_SLOTS, type Step } from '../model/wire.ts';
import { planErrors } from './errors.ts';

/** Gives out the descriptor slots of one launch, each once. */
export class SlotAllocator {
  #next = 0;

  /** @throws {EngineError} `plan.tooManyMounts` (resource-exhausted) */
  take(): number {
    if (this.#next === FD_SLOTS) throw planErrors.tooManyMounts({ count: FD_SLOTS + 1, most: FD_SLOTS });
    return this.#next++;
  }
}

/** Steps that put something into their slot; every other step with a slot uses what is there. */
const FILLING: ReadonlySet<string> = new Set([
  'create-overlay',
  'create-overlay-on',
  'create-disk',
  'create-mapped-overlay',
  'create-erofs-overlay',
  'clone-tree',
  'clone-tree-of',
  'create-mount',
  'landlock-create',
]);
/** Steps that read the credentials slot, which `resolve-user` fills. */
const READING_CREDENTIALS: ReadonlySet<string> = new Set(['set-workdir', 'apply-credentials', 'exec', 'own-mount']);

/**
 * Checks that every slot is filled before it is used; what host steps fill is there from `await-host` on.
 *
 * @throws {EngineError} `plan.unboundSlot` (internal)
 */
export function checkSlots(hostSteps: readonly Step[], childSteps: readonly Step[]): void {
  const bound = new Set<string>();
  const fromHost = boundBy(hostSteps, new Set());
  for (const current of childSteps) {
    if (current.op === 'await-host') for (const slot of fromHost) bound.add(slot);
    bind(current, bound);
  }
}

function boundBy(steps: readonly Step[], bound: Set<string>): ReadonlySet<string> {
  for (const current of steps) bind(current, bound);
  return bound;
}

function bind(current: Step, bound: Set<string>): void {
  const { op, by, values } = current;
  if (op === 'resolve-user') bound.add('credentials');
  if (READING_CREDENTIALS.has(op)) requireBound('credentials');
  if (values.slot === undefined) return;
  const slot = `slot ${String(values.slot)}`;
  if (FILLING.has(op)) bound.add(slot);
  else requireBound(slot);

  function requireBound(name: string): void {
    if (!bound.has(name)) throw planErrors.unboundSlot({ slot: name, op, by });
  }
}
