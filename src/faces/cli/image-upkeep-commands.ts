import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { formatBytes } from './format.ts';

interface PrunedJson {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
  readonly reclaimedBytes: number;
}

/** `isopod image prune` prints what is gone. */
export async function pruneImagesCommand(context: CliContext, client: AgentClient, request: object): Promise<number> {
  const pruned = await client.call<PrunedJson>('POST', '/v1/images/prune', request);
  for (const name of pruned.untagged) printLine(context, `untagged ${name}`);
  for (const id of pruned.deleted) printLine(context, `deleted ${id}`);
  printLine(context, `reclaimed ${formatBytes(pruned.reclaimedBytes)}`);
  return 0;
}
