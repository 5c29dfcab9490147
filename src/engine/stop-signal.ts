import { defineErrors } from '../model/error.ts';
import { signalNumber } from '../model/signal.ts';

export const stopSignalErrors = defineErrors('stop-signal', {
  unknown: {
    kind: 'invalid-argument',
    message: (d: { text: string }) => `the image's stop signal ${JSON.stringify(d.text)} is none that Linux has`,
    remedy: () => 'build the image with a StopSignal such as SIGTERM, or say another one with the container',
  },
});

/** SIGTERM, signal(7). */
export const DEFAULT_STOP_SIGNAL = 15;

/**
 * What `stop` sends first: as was asked for, else as the image says (OCI image-spec v1.1, config.md): `SIGKILL`, `SIGRTMIN+3`, or a number;
 * an empty one is none, as Docker has it.
 *
 * @throws {EngineError} `stop-signal.unknown` (invalid-argument)
 */
export function stopSignalOf(asked: number | undefined, ofImage: string | undefined): number {
  if (asked !== undefined) return asked;
  if (ofImage === undefined || ofImage === '') return DEFAULT_STOP_SIGNAL;
  const number = signalNumber(ofImage);
  if (number === undefined) throw stopSignalErrors.unknown({ text: ofImage });
  return number;
}
