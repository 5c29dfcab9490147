import { expect, test } from 'vitest';
import { Template } from './template.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('every place of every mark is filled, and nothing else is touched', () => {
  const template = new Template(bytes('/c/AAAA/upper /s/AAAA ticket BB'), [bytes('AAAA'), bytes('BB')]);
  expect(template.fill([bytes('0123'), bytes('zz')]).toString()).toBe('/c/0123/upper /s/0123 ticket zz');
});

test('one filling does not show in the next, nor in the bytes that it was made of', () => {
  const source = bytes('a AAAA');
  const template = new Template(source, [bytes('AAAA')]);
  template.fill([bytes('1111')]).fill(0);
  expect(template.fill([bytes('2222')]).toString()).toBe('a 2222');
  expect(source.toString()).toBe('a AAAA');
});

test('an empty mark stands nowhere', () => {
  expect(new Template(bytes('ab'), [bytes('')]).fill([bytes('')]).toString()).toBe('ab');
});
