import type { ContainerUid } from '../model/container-id.ts';
import type { LoadedContainer } from './records.ts';

/** What an engine that starts does about one uid that it finds. */
export type RecoveryDecision =
  /** Nobody was told of it, or it was removed: what is left is swept. */
  | { readonly kind: 'sweep'; readonly why: string }
  /** Its record cannot be read: processes are ended, the files stay for a person to look at. */
  | { readonly kind: 'damaged'; readonly file: string; readonly error: unknown }
  /** It has ended and that was recorded. */
  | { readonly kind: 'terminated' }
  /** It ran when the last agent did: its monitor knows more, or nobody does. */
  | { readonly kind: 'reconnect' }
  /** It ran when the host went down. */
  | { readonly kind: 'rebooted' }
  /** It has ended, and the record of that is damaged. */
  | { readonly kind: 'end-unreadable' };

/**
 * Decides from the records alone; see the table in docs/adr/0020. Pure.
 *
 * A launch writes config.json and plan.json, both, before it lets the container start. Within one boot a container
 * without plan.json has therefore never run, and no caller has heard of it.
 *
 * @param known.isContainer whether one of this uid was found: what lived in one that is no more is nobody's
 */
export function decideRecovery(
  loaded: LoadedContainer,
  { bootId, isContainer }: { readonly bootId: string; readonly isContainer: (uid: string) => boolean },
): RecoveryDecision {
  const { record, termination, run } = loaded;
  if (record.kind === 'damaged') return record;
  if (record.kind === 'absent') return { kind: 'sweep', why: 'it has no record' };
  const { parent } = record.value.config;
  if (parent !== undefined && !isContainer(parent)) return { kind: 'sweep', why: 'what it lived in is gone' };
  if (termination.kind === 'present') return { kind: 'terminated' };
  const { config, bootId: recordedBoot } = record.value;
  // While there is a plan of this boot, what its monitor wrote may tell the end better.
  if (termination.kind === 'damaged' && (run.kind === 'absent' || recordedBoot !== bootId)) {
    return { kind: 'end-unreadable' };
  }
  if (recordedBoot !== bootId) {
    if (config.autoRemove) return { kind: 'sweep', why: 'it went with its boot' };
    return { kind: 'rebooted' };
  }
  // Of a later life nothing else may be left; callers know the container.
  if (run.kind === 'absent' && record.value.hasRun !== true) return { kind: 'sweep', why: 'it was never started' };
  return { kind: 'reconnect' };
}

/** The containers by depth, the outermost first; one whose parent is not among them counts as such. Pure. */
export function levelsOf<Found extends LoadedContainer>(
  all: ReadonlyMap<ContainerUid, Found>,
): readonly (readonly (readonly [ContainerUid, Found])[])[] {
  const levels: (readonly [ContainerUid, Found])[][] = [];
  for (const entry of all) {
    const depth = depthOf(all, entry[0]);
    const level = levels[depth] ?? [];
    level.push(entry);
    levels[depth] = level;
  }
  return levels.filter((level) => level !== undefined);
}

/** A record that names what lives in it as its parent was written by nobody of ours; it ends the way up. */
function depthOf(all: ReadonlyMap<ContainerUid, LoadedContainer>, uid: ContainerUid): number {
  const seen = new Set<string>();
  for (let at = parentOf(all, uid); at !== undefined && !seen.has(at); at = parentOf(all, at)) seen.add(at);
  return seen.size;
}

function parentOf(all: ReadonlyMap<ContainerUid, LoadedContainer>, uid: ContainerUid): ContainerUid | undefined {
  const record = all.get(uid)?.record;
  const parent = record?.kind === 'present' ? (record.value.config.parent as ContainerUid | undefined) : undefined;
  return parent !== undefined && all.has(parent) ? parent : undefined;
}
