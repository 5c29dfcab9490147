import { expect, test } from 'vitest';
import { parseContainerUid } from '../../../model/container-id.ts';
import type { Termination } from '../../../model/exit-status.ts';
import { ConfinedStreams } from './confined-streams.ts';

const MINE = parseContainerUid('0123456789ab');
const THEIRS = parseContainerUid('ba9876543210');
const END: Termination = {
  exitStatus: { kind: 'exited', code: 3 },
  ...{ reason: 'exited', message: '', limitations: [], startedAtMs: 1, finishedAtMs: 2 },
};

test('a caller is told of the ends of sessions in his containers, and frees the names of those alone', async () => {
  const freed: string[] = [];
  const places = {
    socketOf: async () => '/s',
    containerOf: async () => MINE,
    endOf: async () => END,
    forgetEnd: async (container: string) => void freed.push(container),
  };
  const own = {
    check: async (id: string) => (id === MINE ? { uid: MINE } : undefined),
    lastUid: async (id: string) => id,
  };
  const streams = new ConfinedStreams(places, own, 'token ci');
  expect([await streams.endOf(MINE, 'one'), await streams.endOf(THEIRS, 'one')]).toEqual([END, undefined]);
  await streams.forgetEnd(THEIRS, 'one');
  await streams.forgetEnd(MINE, 'one');
  expect(freed).toEqual([MINE]);
});
