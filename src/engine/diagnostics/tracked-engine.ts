import type { Engine } from '../facade.ts';
import type { Registry } from '../registry.ts';
import type { OperationKind } from './operation-kinds.ts';
import type { OperationTracker } from './operation-tracker.ts';

/** Calls that show as operations, and whose first argument names a container. Launches, pulls and sessions tell more, themselves. */
const BY_CONTAINER: Readonly<Partial<Record<keyof Engine, OperationKind>>> = {
  destroy: 'destroy',
  kill: 'kill',
  pause: 'pause',
  unpause: 'unpause',
  update: 'update',
  stop: 'stop',
  remove: 'remove',
  attach: 'attach',
  usage: 'usage',
};
const OTHERS: Readonly<Partial<Record<keyof Engine, OperationKind>>> = {
  stats: 'stats',
  explain: 'explain',
  removeImage: 'remove-image',
};

type Method = (...words: readonly unknown[]) => Promise<unknown>;

/** The same engine, whose calls show while they are under way. */
export function trackedEngine(engine: Engine, operations: OperationTracker, registry: Registry): Engine {
  const tracked = new Map<string | symbol, Method>();
  const add = (name: keyof Engine, kind: OperationKind, containerOf: (id: unknown) => string | undefined): void => {
    const method = engine[name] as unknown as Method;
    tracked.set(name, (...words) =>
      operations.run({ kind, container: containerOf(words[0]) }, () => method.apply(engine, [...words])),
    );
  };
  for (const [name, kind] of Object.entries(BY_CONTAINER)) add(name as keyof Engine, kind, (id) => uidOf(registry, id));
  for (const [name, kind] of Object.entries(OTHERS)) add(name as keyof Engine, kind, () => undefined);
  return new Proxy(engine, {
    get: (target, name) => {
      const found = tracked.get(name) ?? Reflect.get(target, name, target);
      return typeof found === 'function' && !tracked.has(name) ? found.bind(target) : found;
    },
  });
}

/** What names no container, or several, is told by the call itself. */
function uidOf(registry: Registry, id: unknown): string | undefined {
  try {
    return registry.find(String(id))?.uid;
  } catch {
    return undefined;
  }
}
