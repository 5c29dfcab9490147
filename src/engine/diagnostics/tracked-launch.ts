import type { ExecConfig } from '../../model/container-config.ts';
import type { Container } from '../container.ts';
import type { Launched, Session } from '../facade.ts';
import type { EngineHost } from '../host.ts';
import type { Sessions } from '../sessions.ts';

/** A launch that shows, and that can be given up as `destroy` gives it up. */
export function trackedLaunch(
  host: EngineHost,
  container: Container,
  launch: () => Promise<Launched>,
): Promise<Launched> {
  const { uid, config } = container;
  const cancel = (reason: Error): void => container.cancelLaunch(reason);
  return host.operations.run({ kind: 'launch', container: uid, subject: config.name, cancel }, launch);
}

/** The same for a session. */
export function trackedExec(
  host: EngineHost,
  sessions: Sessions,
  container: Container,
  config: ExecConfig,
): Promise<Session> {
  const end = new AbortController();
  const cancel = (reason: Error): void => end.abort(reason);
  return host.operations.run({ kind: 'exec', container: container.uid, cancel }, () =>
    sessions.start(container, config, end.signal),
  );
}
