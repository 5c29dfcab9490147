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
  | { readonly kind: 'rebooted' };

/**
 * Decides from the records alone; see the table in docs/adr/0020. Pure.
 *
 * A launch writes config.json and plan.json, both, before it lets the container start. Within one boot a container
 * without plan.json has therefore never run, and no caller has heard of it.
 */
export function decideRecovery(loaded: LoadedContainer, bootId: string): RecoveryDecision {
  const { record, termination, run } = loaded;
  if (record.kind === 'damaged') return record;
  if (record.kind === 'absent') return { kind: 'sweep', why: 'it has no record' };
  if (termination.kind === 'present') return { kind: 'terminated' };
  const { config, bootId: recordedBoot } = record.value;
  if (recordedBoot !== bootId) {
    if (config.autoRemove) return { kind: 'sweep', why: 'it went with its boot' };
    return { kind: 'rebooted' };
  }
  // Of a later life nothing else may be left; callers know the container.
  if (run.kind === 'absent' && record.value.hasRun !== true) return { kind: 'sweep', why: 'it was never started' };
  return { kind: 'reconnect' };
}
