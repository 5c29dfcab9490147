import type { AgentClient } from './agent-client.ts';
import { confirmed } from './confirm.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { pruneImagesCommand } from './image-upkeep-commands.ts';
import { pruneRequest } from './image-upkeep-options.ts';
import { pruneContainersCommand, pruneFilters } from './program-prune.ts';
import { pruneVolumesCommand } from './volume-commands.ts';

export interface SystemPruneOptions {
  readonly all?: boolean;
  readonly volumes?: boolean;
  readonly filter?: readonly string[];
  readonly force?: boolean;
}

/**
 * `isopod system prune`: containers first, for they keep images and volumes.
 *
 * @throws {EngineError} `cli.badValue`, before anything is gone
 */
export async function pruneSystemCommand(
  context: CliContext,
  client: AgentClient,
  { all = false, volumes = false, filter = [], force }: SystemPruneOptions,
): Promise<number> {
  pruneFilters(filter, Date.now());
  const timed = filter.find((text) => text.startsWith('until='));
  if (volumes && timed !== undefined) {
    throw cliErrors.badValue({
      option: '--filter',
      value: timed,
      wanted: 'one that --volumes can have: label= or label!=',
    });
  }
  const images = all ? 'all images that nobody uses' : 'images without a name that nobody uses';
  const what = `containers that have ended, ${images}${volumes ? ', volumes that were made for containers which are gone' : ''}`;
  if (!(await confirmed(context, { what, force }))) return 0;
  const rest = { filter, force: true };
  await pruneContainersCommand(context, client, rest);
  if (volumes) await pruneVolumesCommand(context, client, rest);
  return pruneImagesCommand(context, client, { ...pruneRequest({ all, filter }, Date.now()), exclude: [] });
}
