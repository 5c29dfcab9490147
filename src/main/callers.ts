import { AsyncLocalStorage } from 'node:async_hooks';
import type { Caller, Callers } from '../base/callers.ts';

/** Callers that follow the work through everything that it awaits. */
export function asyncCallers(): Callers {
  const storage = new AsyncLocalStorage<Caller>();
  return {
    run: (caller, work) => storage.run(caller, work),
    current: () => storage.getStore(),
  };
}
