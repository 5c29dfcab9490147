import type { Brand } from '../base/brand.ts';
import { defineErrors } from './error.ts';

/** Twelve lower-case hex digits, chosen by the engine; unique per root directory, used in every path. */
export type ContainerUid = Brand<string, 'ContainerUid'>;

export const containerIdErrors = defineErrors('container-id', {
  malformedUid: {
    kind: 'invalid-argument',
    message: (d: { uid: string }) => `container uid ${JSON.stringify(d.uid)} is not 12 lower-case hex digits`,
  },
  malformedName: {
    kind: 'invalid-argument',
    message: (d: { name: string }) =>
      `container name ${JSON.stringify(d.name)} does not match [a-zA-Z0-9][a-zA-Z0-9_.-]{0,241}`,
    remedy: () => 'choose a name of letters, digits, dots, dashes and underscores that begins with a letter or digit',
  },
});

const UID = /^[0-9a-f]{12}$/;
/** As long as an id of Mesos may be (mesos common/validation.cpp). */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,241}$/;

export function isContainerUid(text: string): text is ContainerUid {
  return UID.test(text);
}

/** @throws {EngineError} `container-id.malformedUid` (invalid-argument) */
export function parseContainerUid(text: string): ContainerUid {
  if (!isContainerUid(text)) throw containerIdErrors.malformedUid({ uid: text });
  return text;
}

/** @throws {EngineError} `container-id.malformedName` (invalid-argument) */
export function parseContainerName(text: string): string {
  if (!NAME.test(text)) throw containerIdErrors.malformedName({ name: text });
  return text;
}
