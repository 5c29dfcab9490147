import { isErrorOfKind } from '../../model/error.ts';
import { formatPlatform, parsePlatform } from '../../model/platform.ts';
import type { AgentClient } from './agent-client.ts';
import { cliErrors } from './errors.ts';
import type { ImageJson } from './image-commands.ts';

/**
 * Whether an image has to come before it can be run for a platform: where it is not here, or is here for another one.
 *
 * @throws {EngineError} `cli.otherPlatform` when it has to and may not; `platform.malformed`
 */
export async function comesForPlatform(
  client: Pick<AgentClient, 'call'>,
  { reference, platform, pull }: { readonly reference: string; readonly platform: string; readonly pull: string },
): Promise<boolean> {
  const wanted = formatPlatform(parsePlatform(platform));
  const found = await platformHere(client, reference);
  // Which variant an image is of is not kept, so who names one has it looked up; layers that are here do not come again.
  if (found === wanted || (found === undefined && pull === 'never')) return false;
  if (pull === 'never') throw cliErrors.otherPlatform({ reference, found: `${found}`, platform });
  return true;
}

async function platformHere(client: Pick<AgentClient, 'call'>, reference: string): Promise<string | undefined> {
  try {
    return (await client.call<ImageJson>('GET', `/v1/images/${encodeURIComponent(reference)}`)).platform;
  } catch (error) {
    if (!isErrorOfKind(error, 'not-found')) throw error;
    return undefined;
  }
}
