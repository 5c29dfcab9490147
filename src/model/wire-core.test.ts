import { expect, test } from 'vitest';
import { MESSAGES, type MessageName } from './wire.ts';

/** What every version of the protocol knows, as it was in the first: written down here, for the table itself may be edited. */
const CORE: readonly (readonly [MessageName, number, string])[] = [
  ['retire', 5, ''],
  ['abort', 17, ''],
  ['signal', 18, 'u signal'],
  ['release', 20, ''],
  ['attach', 32, 'b ticket, u role, u stdin, u from'],
  ['hello', 64, 'u version, u pid, u role'],
  ['done', 65, ''],
  ['failed', 66, 'u phase, u step, u errno, s detail'],
  ['exited', 70, 'u waitStatus, u atMs, u output'],
  ['attached', 74, 'u state, u pid, u startTime, u waitStatus, u terminal'],
  ['refused', 78, 'u reason'],
];

test.each(CORE)('%s is what it was in the first version', (name, code, fields) => {
  const spec = MESSAGES[name];
  const found = (spec.fields as readonly { kind: string; name: string }[]).map(
    (field) => `${field.kind} ${field.name}`,
  );
  expect([spec.code, found.join(', ')]).toEqual([code, fields]);
});
