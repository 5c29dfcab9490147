import { defineErrors } from '../../model/error.ts';

export const compressionErrors = defineErrors('image-compression', {
  damaged: {
    kind: 'data-loss',
    message: (d: { what: string; format: string; reason: string }) => `${d.what} is not valid ${d.format}: ${d.reason}`,
    remedy: () => 'fetch it again; if it is the same then, whoever made it has to make it anew',
  },
  unsupported: {
    kind: 'unimplemented',
    message: (d: { what: string; format: string; feature: string }) =>
      `${d.what} is ${d.format} with ${d.feature}, which is not read here`,
    remedy: () => "compress it anew with the tool's defaults",
  },
  windowTooLarge: {
    kind: 'resource-exhausted',
    message: (d: { what: string; format: string; windowBytes: number; limitBytes: number }) =>
      `${d.what} wants ${d.windowBytes} bytes of memory to be read as ${d.format}, more than the ${d.limitBytes} that one may have`,
    remedy: () => 'compress it anew at a lower level',
  },
  inflatesTooMuch: {
    kind: 'resource-exhausted',
    message: (d: { what: string; compressedBytes: number; inflatedBytes: number; ratio: number }) =>
      `${d.what} has ${d.compressedBytes} bytes and unpacks to more than ${d.inflatedBytes}, over ${d.ratio} times as many`,
    remedy: () => 'do not use this image: only an archive made to fill disks compresses so well',
  },
});

/** What a decoder found wrong; {@link compressionErrors} says it of the whole. */
export class DecodeError extends Error {
  readonly refusal: 'damaged' | 'unsupported' | { readonly windowBytes: number };

  constructor(refusal: DecodeError['refusal'], reason: string) {
    super(reason);
    this.refusal = refusal;
  }
}

export function damaged(reason: string): DecodeError {
  return new DecodeError('damaged', reason);
}

export function unsupported(feature: string): DecodeError {
  return new DecodeError('unsupported', feature);
}

/** @throws {DecodeError} when a stream wants a larger window than it may have */
export function checkWindow(windowBytes: number, limitBytes: number): void {
  if (windowBytes > limitBytes) throw new DecodeError({ windowBytes }, `a window of ${windowBytes} bytes`);
}
