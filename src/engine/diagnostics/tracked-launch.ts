import type { Span } from '../../base/tracing.ts';
import type { ExecConfig } from '../../model/container-config.ts';
import type { Container } from '../container.ts';
import { engineErrors } from '../errors.ts';
import type { ExecOptions, Launched, Session } from '../facade.ts';
import type { EngineHost } from '../host.ts';
import type { Sessions } from '../sessions.ts';
import { MONITOR } from '../timeline.ts';

/** A launch that shows, and that can be given up as `destroy` gives it up. */
export function trackedLaunch(
  host: EngineHost,
  container: Container,
  launch: () => Promise<Launched>,
): Promise<Launched> {
  const { uid, config } = container;
  const cancel = (reason: Error): void => container.cancelLaunch(reason);
  return host.operations.run({ kind: 'launch', container: uid, subject: config.name, cancel }, async ({ span }) => {
    const launched = await launch();
    if (span !== undefined) recordMilestones(span, launched.timings);
    return launched;
  });
}

/** A launch that is given up when whoever wants it leaves. */
export async function givenUpWith(
  signal: AbortSignal | undefined,
  container: Container,
  launch: () => Promise<Launched>,
): Promise<Launched> {
  if (signal === undefined) return launch();
  const giveUp = (): void =>
    container.cancelLaunch(engineErrors.launchCancelled({ uid: container.uid, by: 'the leave of who asked for it' }));
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await launch();
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Each milestone ends a part of the launch: those of the engine one after the other, those of the monitor beside them. */
function recordMilestones(span: Span, timings: Launched['timings']): void {
  const sentUs = timings.find(({ name }) => name === 'sent')?.microseconds ?? 0;
  let ownUs = 0;
  let monitorUs = sentUs;
  for (const { name, microseconds: toUs } of timings) {
    const isMonitor = name.startsWith(MONITOR);
    span.past(`launch: ${name}`, { fromUs: isMonitor ? monitorUs : ownUs, toUs });
    if (isMonitor) monitorUs = toUs;
    else ownUs = toUs;
  }
}

/** The same for a session. */
export function trackedExec(
  host: EngineHost,
  sessions: Sessions,
  container: Container,
  { config, how }: { readonly config: ExecConfig; readonly how: ExecOptions },
): Promise<Session> {
  const end = new AbortController();
  const cancel = (reason: Error): void => end.abort(reason);
  return host.operations.run({ kind: 'exec', container: container.uid, cancel }, () =>
    sessions.start(container, config, { ...how, signal: end.signal }),
  );
}
