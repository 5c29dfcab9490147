import { constants } from 'node:os';
import { defineErrors } from '../model/error.ts';

export const stopSignalErrors = defineErrors('stop-signal', {
  unknown: {
    kind: 'invalid-argument',
    message: (d: { text: string }) => `the image's stop signal ${JSON.stringify(d.text)} is none that Linux has`,
    remedy: () => 'build the image with a StopSignal such as SIGTERM',
  },
});

/** Real-time signals as the C library numbers them on Linux: two are its own. */
const REALTIME_FIRST = 34;
const REALTIME_LAST = 64;

/**
 * The number of an image's stop signal (OCI image-spec v1.1, config.md): `SIGKILL`, `SIGRTMIN+3`, or a number.
 *
 * @throws {EngineError} `stop-signal.unknown` (invalid-argument)
 */
export function stopSignalNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : namedSignal(text.toUpperCase());
  if (number === undefined || number < 1 || number > REALTIME_LAST) throw stopSignalErrors.unknown({ text });
  return number;
}

function namedSignal(upper: string): number | undefined {
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime === null) return (constants.signals as Readonly<Record<string, number>>)[name];
  const base = realtime[1] === 'MIN' ? REALTIME_FIRST : REALTIME_LAST;
  const number = base + Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1);
  return number >= REALTIME_FIRST && number <= REALTIME_LAST ? number : undefined;
}
