import type { Random } from '../base/effects.ts';
import { type ContainerUid, parseContainerUid } from '../model/container-id.ts';
import { engineErrors } from './errors.ts';

const ADJECTIVES = [
  ['amber', 'ample', 'azure', 'blithe', 'bold', 'brave', 'brisk', 'calm', 'civil', 'clear', 'cosy', 'crisp', 'deft'],
  ['eager', 'early', 'fair', 'fleet', 'fond', 'frank', 'fresh', 'gentle', 'glad', 'golden', 'grand', 'hardy', 'hazel'],
  ['keen', 'kind', 'late', 'light', 'lively', 'lucid', 'mellow', 'merry', 'mild', 'misty', 'modest', 'neat', 'nimble'],
  ['noble', 'pale', 'patient', 'placid', 'plain', 'prime', 'proud', 'quick', 'quiet', 'rapid', 'ready', 'rosy'],
  ['sandy', 'silent', 'silver', 'smooth', 'snug', 'sober', 'solid', 'spry', 'steady', 'sunny', 'swift', 'tidy', 'warm'],
].flat();

/** Isopods and their neighbours on the shore and under the bark. */
const NOUNS = [
  ['algae', 'anchor', 'barnacle', 'beach', 'beetle', 'brine', 'burrow', 'cockle', 'conch', 'copepod', 'coral', 'cove'],
  ['crab', 'current', 'driftwood', 'dune', 'eddy', 'fern', 'forest', 'gravel', 'gull', 'harbour', 'isopod', 'kelp'],
  ['krill', 'lagoon', 'leaf', 'lichen', 'limpet', 'lobster', 'mangrove', 'marsh', 'moss', 'mussel', 'oyster', 'pebble'],
  ['pillbug', 'plankton', 'prawn', 'reef', 'ripple', 'rockpool', 'sandbar', 'seagrass', 'shell', 'shoal', 'shrimp'],
  ['slater', 'sponge', 'starfish', 'stone', 'surf', 'tide', 'timber', 'urchin', 'wave', 'whelk', 'woodlouse', 'wharf'],
].flat();

const NAME_ATTEMPTS = 64;
const UID_BYTES = 6;

/** An unused name such as `brisk_limpet`. @throws {EngineError} `engine.noFreeName` (resource-exhausted) */
export function generateName(random: Random, isTaken: (name: string) => boolean): string {
  for (let attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
    const [a = 0, b = 0, c = 0] = random.bytes(3);
    const pair = `${ADJECTIVES[a % ADJECTIVES.length]}_${NOUNS[b % NOUNS.length]}`;
    // A host full of generated names still finds one soon: later attempts carry a number.
    const name = attempt < NAME_ATTEMPTS / 4 ? pair : `${pair}_${c}`;
    if (!isTaken(name)) return name;
  }
  throw engineErrors.noFreeName({ attempts: NAME_ATTEMPTS });
}

/** An unused uid. */
export function generateUid(random: Random, isTaken: (uid: string) => boolean): ContainerUid {
  for (;;) {
    const uid = parseContainerUid(Buffer.from(random.bytes(UID_BYTES)).toString('hex'));
    if (!isTaken(uid)) return uid;
  }
}

/**
 * The one uid that begins with these digits.
 *
 * @returns `undefined` when none does
 * @throws {EngineError} `engine.ambiguousId` (invalid-argument)
 */
export function matchPrefix(uids: Iterable<ContainerUid>, prefix: string): ContainerUid | undefined {
  if (!/^[0-9a-f]{1,12}$/.test(prefix)) return undefined;
  const matches = [...uids].filter((uid) => uid.startsWith(prefix));
  if (matches.length > 1) throw engineErrors.ambiguousId({ id: prefix, matches });
  return matches[0];
}
