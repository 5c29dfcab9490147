import { expect, test } from 'vitest';
import { DamagedRecords } from './damaged-records.ts';

test('a record is told once, with its container and the reason, and other problems are none', () => {
  const records = new DamagedRecords();
  const problem = { what: 'damaged /r/a', damagedFile: '/r/a', uid: '0123456789ab', error: new Error('not JSON') };
  records.note(problem, 5);
  records.note({ ...problem, error: new Error('again') }, 6);
  records.note({ what: 'something else', uid: '0123456789ab' }, 7);
  expect(records.list()).toEqual([{ file: '/r/a', container: '0123456789ab', reason: 'not JSON', atMs: 5 }]);
});

test('there are no more than a thousand', () => {
  const records = new DamagedRecords();
  for (let n = 0; n < 1_100; n += 1) records.note({ what: '', damagedFile: `/r/${n}` }, n);
  expect(records.list()).toHaveLength(1_000);
});
