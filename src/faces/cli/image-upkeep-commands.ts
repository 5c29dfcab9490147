import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { formatBytes } from './format.ts';
import type { PruneRequest } from './image-upkeep-options.ts';

interface PrunedJson {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
  /** Digests of layers. */
  readonly partials: readonly string[];
  /** Digests of layers and blobs that no image had. */
  readonly leftovers: readonly string[];
  readonly reclaimedBytes: number;
  readonly heldBytes: number;
}

/** Words of what was done, and of what would be. */
const DONE = { untag: 'untagged', remove: 'deleted', reclaim: 'reclaimed', keep: 'kept' };
const FORETOLD = { untag: 'would untag', remove: 'would delete', reclaim: 'would reclaim', keep: 'would keep' };

/** `isopod image prune` prints what is gone, or with `dryRun` what would be, and what stays because somebody holds it. */
export async function pruneImagesCommand(
  context: CliContext,
  client: AgentClient,
  request: PruneRequest,
): Promise<number> {
  const pruned = await client.call<PrunedJson>('POST', '/v1/images/prune', request);
  const words = request.dryRun ? FORETOLD : DONE;
  for (const name of pruned.untagged) printLine(context, `${words.untag} ${name}`);
  for (const id of pruned.deleted) printLine(context, `${words.remove} ${id}`);
  for (const digest of pruned.partials) printLine(context, `${words.remove} partial download ${digest}`);
  for (const digest of pruned.leftovers) printLine(context, `${words.remove} ${digest}, which no image had`);
  printLine(context, `${words.reclaim} ${formatBytes(pruned.reclaimedBytes)}`);
  if (pruned.heldBytes > 0) {
    const bytes = formatBytes(pruned.heldBytes);
    printLine(context, `${words.keep} ${bytes}: a pull, a load or a commit that is under way needs it`);
  }
  return 0;
}
