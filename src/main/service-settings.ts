/** How this process tells the service manager about itself, as sd_notify(3) and sd_watchdog_enabled(3) have it. */
export interface ServiceSettings {
  /** A path, or with @ an abstract name. */
  readonly socket: string;
  /** How long it may say nothing before it counts as hung; `undefined` without a watchdog. */
  readonly watchdogMs: number | undefined;
}

const US_PER_MS = 1000;

/**
 * What the environment says of it; `undefined` where nobody wants to be told, or by another way than a unix socket. A watchdog of
 * another process is not ours. Pure.
 */
export function serviceSettings(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): ServiceSettings | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_PID: watched, WATCHDOG_USEC: interval = '' } = env;
  if (socket === undefined || !/^[/@]./.test(socket)) return undefined;
  const isOurs = watched === undefined || watched === `${pid}`;
  const watchdogMs = isOurs && /^[1-9]\d*$/.test(interval) ? Number(interval) / US_PER_MS : undefined;
  return { socket, watchdogMs };
}
