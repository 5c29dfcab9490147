import { expect, test } from 'vitest';
import type { CommitRequest } from '../../../engine/written/written-facade.ts';
import { confinedImageRecords, confinedWritten } from './confined-written.ts';
import type { Caller } from './decide.ts';

const COMMIT: CommitRequest = { changes: [], pause: true };
const { signal } = new AbortController();

function confined(scope: Caller['grant']['scope']) {
  const done: unknown[] = [];
  const note =
    (what: string) =>
    async (...values: readonly unknown[]): Promise<never> => {
      done.push([what, ...values.slice(0, 2)]);
      return undefined as never;
    };
  const caller: Caller = { name: 'token t', grant: { role: 'operate', ...(scope && { scope }) } };
  const written = { changes: note('changes'), whole: note('whole'), commit: note('commit') };
  const records = { tag: note('tag'), details: note('details') };
  return {
    done,
    written: confinedWritten(written, caller, async (id) => `uid of ${id}`),
    records: confinedImageRecords(records, caller),
  };
}

test('who is confined to a part of the containers gives an image no name, for it may be another one that others run by it', async () => {
  const { written, records, done } = confined({ labels: { team: 'a' } });
  const named = { ...COMMIT, reference: 'alpine' };
  await expect(written.commit('mine', named, signal)).rejects.toMatchObject({ code: 'access.wholeAgent' });
  await expect(records.tag('mine', 'alpine')).rejects.toMatchObject({ code: 'access.wholeAgent' });
  expect(done).toEqual([]);
});

test('a container of his own he may make an image of that has none', async () => {
  const { written, done } = confined({ labels: { team: 'a' } });
  await written.commit('mine', COMMIT, signal);
  await written.changes('mine', signal);
  expect(done).toEqual([
    ['commit', 'uid of mine', COMMIT],
    ['changes', 'uid of mine', signal],
  ]);
});

test('who is not, names images as he likes', async () => {
  const { written, records, done } = confined(undefined);
  await written.commit('mine', { ...COMMIT, reference: 'alpine' }, signal);
  await records.tag('mine', 'alpine');
  expect(done).toHaveLength(2);
});
