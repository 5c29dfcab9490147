import { expect, test } from 'vitest';
import { searchTable, splitTerm } from './search-command.ts';

test.each([
  ['alpine', 'docker.io', 'alpine'],
  ['library/alpine', 'docker.io', 'library/alpine'],
  ['quay.io/team/app', 'quay.io', 'team/app'],
  ['localhost:5000/x', 'localhost:5000', 'x'],
  ['docker.io/nginx', 'docker.io', 'nginx'],
])('%s looks on %s for %s', (words, registry, term) => {
  expect(splitTerm(words)).toEqual({ registry, term });
});

test('repositories are shown as pull takes them', () => {
  const found = [{ name: 'team/app', description: `a\n\u001b[31m${'b'.repeat(60)}`, stars: null, isOfficial: false }];
  const text = searchTable(found, { registry: 'quay.io', isCut: true });
  expect(text).toContain('quay.io/team/app');
  expect(text).toContain('…');
  expect(text).not.toContain('\u001b');
  expect(
    searchTable([{ ...found[0], name: 'nginx', stars: 3, isOfficial: true } as never], {
      registry: 'docker.io',
      isCut: false,
    }),
  ).toMatch(/nginx .* 3 +\[OK\]/);
});
