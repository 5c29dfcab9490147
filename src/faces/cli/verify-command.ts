import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { EXIT_NOT_ALL } from './errors.ts';
import { visible } from './format.ts';
import { absoluteReference } from './values.ts';

interface FaultJson {
  readonly part: string;
  readonly digest: string;
  readonly state: string;
  readonly found: string;
  readonly isRepaired: boolean;
  /** Chain id of a layer whose tree could not be looked at for want of the blob. */
  readonly uncheckedTree?: string;
  readonly remedy?: string;
}

/** What was found of an image, as the agent's JSON has it. */
export interface VerifiedJson {
  readonly id: string;
  readonly references: readonly string[];
  readonly faults: readonly FaultJson[];
  readonly uncheckedLayers: number;
  readonly layerImages?: { readonly made: number; readonly sealed: number; readonly unchecked: number };
}

/** `isopod image verify`. @returns 1 when something is wrong and stays so */
export async function verifyImagesCommand(
  context: CliContext,
  client: AgentClient,
  input: { readonly images: readonly string[]; readonly repair?: boolean; readonly json?: boolean },
): Promise<number> {
  const images = input.images.map((text) => absoluteReference(text, context.cwd));
  const request = { images, repair: input.repair === true };
  const found = await client.call<{ readonly images: readonly VerifiedJson[] }>('POST', '/v1/images/verify', request);
  if (input.json === true) printLine(context, JSON.stringify(found.images, undefined, 2));
  else for (const line of found.images.flatMap(verifiedLines)) printLine(context, line);
  const isWhole = found.images.every(({ faults }) => faults.every(({ isRepaired }) => isRepaired));
  return isWhole ? 0 : EXIT_NOT_ALL;
}

/** A line for each image, and below it one for each fault. */
export function verifiedLines(image: VerifiedJson): readonly string[] {
  const { id, references, faults, uncheckedLayers } = image;
  const name = references[0] ?? id;
  const verdict = faults.length === 0 ? 'as it came' : `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`;
  const unchecked =
    uncheckedLayers === 0 ? '' : `; ${uncheckedLayers} layers could not be looked at, pull it again for that`;
  return [`${visible(name)}: ${verdict}${unchecked}${layerImagesText(image)}`, ...faults.map(faultLine)];
}

function faultLine({ part, digest, state, found, isRepaired, uncheckedTree, remedy }: FaultJson): string {
  const isOpen = uncheckedTree !== undefined;
  const tree = isOpen ? `; so its tree ${uncheckedTree} could not be looked at` : '';
  const toDo = `to do: ${remedy ?? 'nothing'}${isOpen ? ', and verify again for its tree' : ''}`;
  return visible(`  ${part} ${digest} ${state}: ${found}${tree}; ${isRepaired ? 'repaired' : toDo}`);
}

function layerImagesText({ layerImages }: VerifiedJson): string {
  if (layerImages === undefined) return '';
  const { made, sealed, unchecked } = layerImages;
  const notLookedAt = unchecked === 0 ? '' : `, ${unchecked} could not be looked at`;
  return `; ${sealed} of ${made} erofs images of layers sealed${notLookedAt}`;
}
