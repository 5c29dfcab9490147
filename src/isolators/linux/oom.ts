import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/**
 * Isolator `linux/oom`: how early the kernel kills the processes of the container when the memory of the host runs out
 * (oom_score_adj, proc(5)). Lowering it below what the agent has needs CAP_SYS_RESOURCE.
 */
export function oomScore(): Isolator {
  return {
    name: 'linux/oom',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ process }) => process.oomScoreAdj !== undefined,
    plan: ({ config }) => (config.process.oomScoreAdj === undefined ? {} : { oomScoreAdj: config.process.oomScoreAdj }),
  };
}
