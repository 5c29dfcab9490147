import type { GlobalOptions } from './context.ts';

/** Runs an action with the global options and notes its exit code. */
export type Runner = (action: (global: GlobalOptions) => Promise<number>) => Promise<void>;

/** Gathers the values of an option that may be repeated. */
export function repeatable(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
