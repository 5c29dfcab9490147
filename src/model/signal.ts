import { constants } from 'node:os';

/** Real-time signals as the C library numbers them on Linux: two are its own. */
const REALTIME_FIRST = 34;
const LARGEST_SIGNAL = 64;

/** The number of a signal: `SIGKILL`, `term`, `SIGRTMIN+3`, `9`; `undefined` for one that Linux has not. */
export function signalNumber(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : namedSignal(text.toUpperCase());
  return number === undefined || !isSignal(number) ? undefined : number;
}

export function isSignal(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= LARGEST_SIGNAL;
}

function namedSignal(upper: string): number | undefined {
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime === null) return (constants.signals as Readonly<Record<string, number>>)[name];
  const base = realtime[1] === 'MIN' ? REALTIME_FIRST : LARGEST_SIGNAL;
  const number = base + Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1);
  return number >= REALTIME_FIRST ? number : undefined;
}
