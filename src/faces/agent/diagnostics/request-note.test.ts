import { expect, test } from 'vitest';
import { RequestNotes } from './request-note.ts';

const idOf = (notes: RequestNotes, given?: string): string =>
  notes.begin({ headers: given === undefined ? {} : { 'x-request-id': given } }).requestId;

test('a request that came with an id keeps it', () => {
  expect(idOf(new RequestNotes(1), 'client-7.a')).toBe('client-7.a');
});

test('an id that could end a line, or is too long, is replaced', () => {
  const notes = new RequestNotes(1);
  for (const given of ['a\nb', 'a"b', '', 'x'.repeat(129)]) expect(idOf(notes, given)).toMatch(/^1-[0-9a-z]+$/);
});

test('no two requests get the same id, nor do those of another agent', () => {
  const [one, two] = [new RequestNotes(1_000_000), new RequestNotes(2_000_000)];
  expect(new Set([idOf(one), idOf(one), idOf(two), idOf(two)]).size).toBe(4);
});
