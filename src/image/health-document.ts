import type { ImageHealth } from '../model/health.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import { asObject, optionalStrings, type Refuse } from './json-fields.ts';

const NS_PER_MS = 1e6;

/** Docker's HEALTHCHECK (moby image spec v1.2, "Healthcheck"), which OCI configs may carry too. */
export function healthOf(
  config: Readonly<Record<string, unknown>>,
  refuse: Refuse,
): Pick<ImageRuntimeConfig, 'health'> {
  if (config.Healthcheck === undefined || config.Healthcheck === null) return {};
  const found = asObject(config.Healthcheck, 'Healthcheck', refuse);
  const [kind, ...words] = optionalStrings(found, 'Test', refuse);
  // Nothing, and NONE, ask for none; the base image's is not ours to know.
  if (kind === undefined || kind === 'NONE') return {};
  const command = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...words] : kind === 'CMD' ? words : undefined;
  if (command === undefined || words.length === 0) return {};
  const times = {
    intervalMs: milliseconds(found.Interval),
    timeoutMs: milliseconds(found.Timeout),
    startPeriodMs: milliseconds(found.StartPeriod),
    startIntervalMs: milliseconds(found.StartInterval),
    retries: typeof found.Retries === 'number' && found.Retries > 0 ? Math.floor(found.Retries) : undefined,
  };
  const said = Object.entries(times).filter(([, value]) => value !== undefined);
  return { health: { command, ...Object.fromEntries(said) } satisfies ImageHealth };
}

/** In nanoseconds there; 0 is the usual. */
function milliseconds(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? Math.max(1, Math.round(value / NS_PER_MS)) : undefined;
}
