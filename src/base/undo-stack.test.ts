import { expect, test } from 'vitest';
import { UndoStack } from './undo-stack.ts';

test('what was acquired is taken back newest first', async () => {
  const undo = new UndoStack();
  const taken: string[] = [];
  for (const what of ['one', 'two', 'three']) undo.push(what, () => void taken.push(what));
  expect(await undo.unwind()).toEqual([]);
  expect(taken).toEqual(['three', 'two', 'one']);
});

test('an undo that fails is told, and the others are done', async () => {
  const undo = new UndoStack();
  const taken: string[] = [];
  const error = new Error('no');
  undo.push('one', () => void taken.push('one'));
  undo.push('two', () => Promise.reject(error));
  expect(await undo.unwind()).toEqual([{ what: 'two', error }]);
  expect(taken).toEqual(['one']);
});

test('what is acquired while it is taken back is taken back too, before what was there earlier', async () => {
  const undo = new UndoStack();
  const taken: string[] = [];
  undo.push('directory', () => void taken.push('directory'));
  undo.push('work under way', async () => {
    await Promise.resolve();
    undo.push('file', () => void taken.push('file'));
  });
  await undo.unwind();
  expect(taken).toEqual(['file', 'directory']);
});

test('what is released is not taken back', async () => {
  const undo = new UndoStack();
  undo.push('one', () => expect.fail('it was released'));
  undo.release();
  expect(await undo.unwind()).toEqual([]);
});
