import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/** Isolator `linux/memory_policy`: the NUMA nodes that memory of the container comes from (set_mempolicy(2)). */
export function memoryPolicy(): Isolator {
  return {
    name: 'linux/memory_policy',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ process }) => process.memoryPolicy !== undefined,
    plan: ({ config }) =>
      config.process.memoryPolicy === undefined ? {} : { memoryPolicy: config.process.memoryPolicy },
  };
}
