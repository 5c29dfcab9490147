import { OLDEST_MONITOR_VERSION, PROTOCOL_VERSION } from '../model/wire.ts';
import { launcherErrors } from './errors.ts';
import type { MonitorLink, OtherVersion } from './launcher.ts';

/** `undefined` for a monitor whose version this agent speaks; see docs/protocol.md, Versions. Pure. */
export function otherVersion(theirs: number): OtherVersion | undefined {
  if (theirs >= OLDEST_MONITOR_VERSION && theirs <= PROTOCOL_VERSION) return undefined;
  return { theirs, oldest: OLDEST_MONITOR_VERSION, newest: PROTOCOL_VERSION };
}

/** A link that asks its monitor for nothing but what every version knows: signal, the end, release. */
export function coreLink(link: MonitorLink, version: OtherVersion): MonitorLink {
  const { uid, cloned, prepared, started, ended, gone } = link;
  return {
    ...{ uid, cloned, prepared, started, ended, gone, otherVersion: version },
    start: () => link.start(),
    abort: () => link.abort(),
    signal: (signal) => link.signal(signal),
    release: () => link.release(),
    detach: () => link.detach(),
    grant: () => Promise.reject(launcherErrors.monitorVersion({ uid, ...version })),
    readCounters: async () => new Uint8Array(0),
  };
}
