import { constants } from 'node:os';
import type { DeviceMapping } from '../../model/devices.ts';
import { formatImageReference, parseImageReference, withAbsolutePath } from '../../model/image-reference.ts';
import { signalNumber } from '../../model/signal.ts';
import { MAX_GRACE_MS } from '../../model/stop-request.ts';
import { cliErrors } from './errors.ts';

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `64m`, `1.5g`, `1073741824` → bytes, powers of 1024. @throws {EngineError} `cli.badValue` */
export function parseBytes(option: string, value: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b)?$/i.exec(value);
  const bytes =
    match === null ? Number.NaN : Math.floor(Number(match[1]) * (UNIT_BYTES[(match[2] ?? '').toLowerCase()] ?? 1));
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw cliErrors.badValue({ option, value, wanted: 'a size such as 64m or 1.5g' });
  }
  return bytes;
}

/** `1.5` → 1500. @throws {EngineError} `cli.badValue` */
export function parseCpus(option: string, value: string): number {
  const millis = /^(\d+(\.\d*)?|\.\d+)$/.test(value) ? Math.round(Number(value) * 1000) : Number.NaN;
  if (!Number.isSafeInteger(millis) || millis <= 0) {
    throw cliErrors.badValue({ option, value, wanted: 'a number of CPUs such as 0.5 or 2' });
  }
  return millis;
}

/** A whole number of at least `least`. @throws {EngineError} `cli.badValue` */
export function parseCount(option: string, value: string, least = 0): number {
  const count = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(count) || count < least) {
    throw cliErrors.badValue({ option, value, wanted: `a whole number of at least ${least}` });
  }
  return count;
}

/** `a, b` → both; an empty text is an empty list. @throws {EngineError} `cli.badValue` for an empty name */
export function parseNames(option: string, value: string): readonly string[] {
  if (value.trim() === '') return [];
  const names = value.split(',').map((name) => name.trim());
  if (names.includes('')) throw cliErrors.badValue({ option, value, wanted: 'names joined by commas' });
  return names;
}

/** `TERM`, `sigterm`, `15` → 15; `RTMIN+3` → 37. @throws {EngineError} `cli.badValue` */
export function parseSignal(option: string, value: string): number {
  const signal = signalNumber(value);
  if (signal === undefined) throw cliErrors.badValue({ option, value, wanted: 'a signal such as TERM or 15' });
  return signal;
}

/** Seconds that a stop waits before it kills. @throws {EngineError} `cli.badValue` */
export function parseGrace(option: string, value: string): number {
  const graceMs = parseCount(option, value) * 1000;
  if (graceMs > MAX_GRACE_MS) {
    throw cliErrors.badValue({ option, value, wanted: `at most a day, ${MAX_GRACE_MS / 1000} seconds` });
  }
  return graceMs;
}

/** The name of a signal number: `SIGKILL`; `signal 42` for one without. */
export function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? `signal ${signal}`;
}

/** How long: `30` (seconds), `30s`, `1h30m` → milliseconds. @throws {EngineError} `cli.badValue` */
export function parseDuration(option: string, value: string): number {
  if (/^\d+(\.\d+)?$/.test(value)) return Math.floor(Number(value) * 1000);
  if (!/^(\d+(ms|s|m|h|d))+$/.test(value)) {
    throw cliErrors.badValue({ option, value, wanted: 'a time such as 30s or 1h30m' });
  }
  const parts = [...value.matchAll(/(\d+)(ms|s|m|h|d)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0), 0);
}

/** As `parseDuration`, and back with a minus before it. @throws {EngineError} `cli.badValue` */
export function parseSignedDuration(option: string, value: string): number {
  return value.startsWith('-') ? -parseDuration(option, value.slice(1)) : parseDuration(option, value);
}

/**
 * A moment: RFC 3339, seconds since 1970, or how long ago (`10m`, `1h30m`).
 *
 * @returns milliseconds since 1970
 * @throws {EngineError} `cli.badValue`
 */
export function parseMoment(option: string, value: string, nowMs: number): number {
  if (/^\d{1,12}(\.\d+)?$/.test(value)) return Math.floor(Number(value) * 1000);
  if (/^(\d+(ms|s|m|h|d))+$/.test(value)) return nowMs - parseDuration(option, value);
  const parsed = /^[\d.]+$/.test(value) ? Number.NaN : Date.parse(value);
  if (Number.isNaN(parsed)) {
    throw cliErrors.badValue({ option, value, wanted: 'a time such as 2026-01-31T12:00:00Z, or an age such as 10m' });
  }
  return parsed;
}

/** `HOST[:CONTAINER][:rwm]`, as Docker takes it. @throws {EngineError} `cli.badValue` */
export function parseDevice(value: string, option = '--device'): DeviceMapping {
  const words = value.split(':');
  const isAccess = (word = ''): boolean => /^[rwm]{1,3}$/.test(word);
  const access = words.length > 1 && isAccess(words.at(-1)) ? words.pop() : undefined;
  const [host = '', container = host, ...more] = words;
  if (!host.startsWith('/') || !container.startsWith('/') || more.length > 0) {
    const wanted = 'HOST[:CONTAINER][:rwm] with absolute paths and some of r, w and m';
    throw cliErrors.badValue({ option, value, wanted });
  }
  return { hostPath: host, containerPath: container, access: access ?? 'rwm' };
}

/** `KEY=value` or `KEY`, whose value is then empty. @throws {EngineError} `cli.badValue` */
export function parseLabels(values: readonly string[], option = '--label'): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const value of values) {
    const at = value.indexOf('=');
    const key = at < 0 ? value : value.slice(0, at);
    if (key === '') throw cliErrors.badValue({ option, value, wanted: 'KEY=value' });
    labels[key] = at < 0 ? '' : value.slice(at + 1);
  }
  return labels;
}

/**
 * Entries of `-e` and of an environment file: `NAME=value` stays, a bare `NAME` takes the value that we were given
 * ourselves. When there is none it stays bare, which takes the image's variable away.
 *
 * @throws {EngineError} `cli.badValue`
 */
export function resolveEnvironment(
  option: string,
  entries: readonly string[],
  own: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return entries.map((entry) => {
    if (entry === '' || entry.startsWith('=')) {
      throw cliErrors.badValue({ option, value: entry, wanted: 'NAME=value or NAME' });
    }
    if (entry.includes('=')) return entry;
    const value = own[entry];
    return value === undefined ? entry : `${entry}=${value}`;
  });
}

/** Lines of an environment file: empty ones and comments (`#` first) are left out. */
export function environmentLines(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/\r$/, '').trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** References that begin so may name a file or directory. */
const WITH_PATH = /^(?:oci|oci-archive|docker-archive|dir|tar|aci):/;

/** An image reference whose path is relative is made absolute, for the agent stands in another directory. */
export function absoluteReference(reference: string, cwd: string): string {
  if (reference === '') throw cliErrors.emptyName({ of: 'an image' });
  if (!WITH_PATH.test(reference)) return reference;
  return formatImageReference(withAbsolutePath(parseImageReference(reference), cwd));
}

/** `ctrl-p,ctrl-q` → the bytes that detach. @throws {EngineError} `cli.badValue` */
export function parseDetachKeys(value: string): Uint8Array {
  const bytes = value.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw cliErrors.badValue({ option: '--detach-keys', value, wanted: 'keys such as ctrl-p,ctrl-q' });
  });
  return Uint8Array.from(bytes);
}
