import { expect, test } from 'vitest';
import { parseChanges } from './change-list.ts';

async function parsed(...chunks: readonly string[]) {
  async function* come(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const found = [];
  for await (const change of parseChanges(come())) found.push(change);
  return found;
}

test('records are whole, wherever they were cut', async () => {
  const wanted = [
    { kind: 'added', path: '/a b\nc' },
    { kind: 'changed', path: '/d' },
    { kind: 'deleted', path: '/é' },
  ];
  expect(await parsed('A /a b\nc\0C', ' /d\0D /', 'é\0')).toEqual(wanted);
  expect(await parsed()).toEqual([]);
});

test.each(['X /a\0', 'A/a\0', 'A /a'])('%j is none', async (text) => {
  await expect(parsed(text)).rejects.toMatchObject({ code: 'written.badRecord' });
});
