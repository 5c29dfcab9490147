import { launcherErrors } from '../launcher/errors.ts';
import type { MonitorLink } from '../launcher/launcher.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { EngineHost } from './host.ts';
import type { LoadedContainer } from './records.ts';

/** The monitor of a container that ran when the last engine did; `undefined` when it is gone. */
export async function findMonitor(
  host: EngineHost,
  uid: ContainerUid,
  loaded: LoadedContainer,
): Promise<MonitorLink | undefined> {
  if (loaded.run.kind !== 'present') return undefined;
  try {
    const link = await host.launcher.recover(uid, Buffer.from(loaded.run.value.controlTicket, 'hex'));
    reportOtherVersion(host, uid, link);
    return link;
  } catch (error) {
    host.report({ what: 'reconnecting to its monitor', uid, error });
    return undefined;
  }
}

/** A container, or session, that runs on under a monitor which this agent asks for the least only. */
export function reportOtherVersion(host: EngineHost, uid: ContainerUid, link: MonitorLink | undefined): void {
  if (link?.otherVersion === undefined) return;
  const error = launcherErrors.monitorVersion({ uid: link.uid, ...link.otherVersion });
  host.report({ what: 'its monitor is of another version', uid, error });
}
