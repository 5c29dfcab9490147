import type { Isolator } from '../isolators/isolator.ts';
import type { ProcessEnd } from '../launcher/launcher.ts';
import { isStaying } from '../linux/process-tree.ts';
import type { Limitation } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import { aboutContainer } from './happenings.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { terminationOf } from './termination.ts';

/** How often the note of a monitor is looked for. */
const RECORD_POLL_MS = 10;

/** The end of a process that we may not have seen ourselves. */
export interface UnseenEnd extends ProcessEnd {
  readonly lostBecause?: string;
  /** Its monitor may live, and cannot be reached: it will note the end. */
  readonly mayBeWatched?: boolean;
}

/**
 * Turns the end of a container's init into its termination and answers everybody who waits. Nothing that could
 * fail or last stands between: recording and cleanup come after (docs/adr/0021).
 *
 * Never rejects.
 */
export async function finish(
  host: EngineHost,
  container: Container,
  { lostBecause, mayBeWatched = false, ...seen }: UnseenEnd,
): Promise<void> {
  container.isEnding = true;
  for (const limitation of await askLimitations(host, container)) host.limits.note(container, limitation);
  const end = seen.exitStatus.kind === 'lost' ? await endOfLost(host, container, { seen, mayBeWatched }) : seen;
  const endedWith = end.exitStatus.kind === 'signaled' ? await endingParent(host, container) : undefined;
  const { startedAtMs, limitations } = container;
  const termination = terminationOf({ end, limitations, startedAtMs, lostBecause, endedWith });
  container.terminate(termination);
  host.metrics.ended(termination.reason);
  host.events.emit({ ...aboutContainer(container), kind: 'terminated', atMs: end.atMs, termination });
}

/**
 * The container that this one lives in, when that is at its end: being stopped, or its init is on its way out, which takes all
 * that is in its pid namespace along before anybody sees it end (zap_pid_ns_processes, kernel/pid_namespace.c).
 */
async function endingParent(host: EngineHost, { parent, uid }: Container): Promise<string | undefined> {
  for (let at = parent; at !== undefined; at = at.parent) {
    if (at.isEnding || at.state === 'destroying') return at.path;
    try {
      if (at.process !== undefined && !(await isStaying(host.effects.files, at.process))) return at.path;
    } catch (error) {
      host.report({ what: `whether ${at.uid}, which it lives in, has ended`, uid, error });
    }
  }
  return undefined;
}

/** Asked while the groups are still there; an isolator that cannot say is reported and holds nobody up. */
async function askLimitations(host: EngineHost, container: Container): Promise<readonly Limitation[]> {
  const able = container.isolators.filter(({ limitation }) => limitation !== undefined);
  const answers = await Promise.all(able.map((isolator) => askLimitation(host, container, isolator)));
  return answers.filter((answer) => answer !== undefined);
}

async function askLimitation(
  host: EngineHost,
  container: Container,
  isolator: Isolator,
): Promise<Limitation | undefined> {
  const what = `limitation of ${isolator.name}`;
  try {
    const asked = Promise.resolve(isolator.limitation?.(container.isolated()));
    return await host.operations.within({ what, uid: container.uid, ms: DEADLINES.hookMs }, asked);
  } catch (error) {
    host.report({ what, uid: container.uid, error });
    return undefined;
  }
}

/** Its monitor writes the end down as soon as it has seen it; one that is gone never does. */
async function untilRecorded(host: EngineHost, uid: string): Promise<ProcessEnd | undefined> {
  const { clock } = host.effects;
  for (const deadlineMs = clock.monotonicMs() + DEADLINES.reapMs; ; await clock.sleep(RECORD_POLL_MS)) {
    const recorded = await host.launcher.recordedEnd(uid);
    if (recorded !== undefined || clock.monotonicMs() > deadlineMs) return recorded;
  }
}

/** With its monitor gone nobody watches the container: it is ended before that is told to anybody. */
async function endOfLost(
  host: EngineHost,
  container: Container,
  { seen, mayBeWatched }: { readonly seen: ProcessEnd; readonly mayBeWatched: boolean },
): Promise<ProcessEnd> {
  try {
    const { uid, process } = container;
    const step = { what: 'the kill of what lost its monitor', uid, ms: DEADLINES.killMs };
    await host.operations.during(step, host.launcher.destroy(uid, DEADLINES.killMs, { process }));
    const recorded = mayBeWatched ? await untilRecorded(host, uid) : await host.launcher.recordedEnd(uid);
    return recorded?.exitStatus.kind === 'lost' ? seen : (recorded ?? seen);
  } catch (error) {
    host.report({ what: 'killing a container that lost its monitor', uid: container.uid, error });
    return seen;
  }
}
