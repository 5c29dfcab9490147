import { expect, test } from 'vitest';
import { withProgress } from './pull-progress.ts';

async function* lines(): AsyncIterable<unknown> {
  const layers = [{ digest: 'sha256:abc', sizeBytes: 10 }];
  yield { progress: { kind: 'resolved', layers } };
  yield { progress: { kind: 'layer', digest: 'sha256:abc', state: 'fetching', doneBytes: 1 } };
  yield { progress: { kind: 'layer', digest: 'sha256:abc', state: 'copied', doneBytes: 10 } };
}

test.each([
  [false, ['1 layer, 10 B', 'abc: fetching', 'abc: done']],
  [true, ['1 blob, 10 B', 'abc: copying', 'abc: done']],
])('what is copied is told otherwise than what is pulled (%s)', async (copies, told) => {
  let text = '';
  const to = { isTTY: false, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  await withProgress(lines(), { to, what: 'it', copies });
  expect(text.trimEnd().split('\n')).toEqual(told);
});
