import type { LifeOperations } from '../../../engine/life-facade.ts';

/** The further lives of those containers that a caller sees. */
export function confinedLives(lives: LifeOperations, uidOf: (id: string) => Promise<string>): LifeOperations {
  return {
    start: async (id, how) => lives.start(await uidOf(id), how),
    restart: async (id, graceMs, how) => lives.restart(await uidOf(id), graceMs, how),
    waitFor: async (id, condition, signal) => lives.waitFor(await uidOf(id), condition, signal),
  };
}
