import { expect, test } from 'vitest';
import { volumeFilter } from './volume-commands.ts';

const volume = {
  ...{ name: 'data-1', driver: 'local', labels: { team: 'a', empty: '' }, anonymous: false, containers: ['u'] },
  mountPoint: '/m',
};

test.each([
  ['name=ata', true],
  ['name=x', false],
  ['driver=local', true],
  ['label=team', true],
  ['label=empty=', true],
  ['label=team=b', false],
  ['dangling=true', false],
  ['dangling=false', true],
])('the filter %s', (filter, isFound) => {
  expect(volumeFilter([filter])(volume)).toBe(isFound);
});

test('all filters must hold', () => {
  expect(volumeFilter(['name=data', 'label=team=b'])(volume)).toBe(false);
});

test.each(['size=1', 'dangling=perhaps', ''])('the filter %j is refused', (filter) => {
  expect(() => volumeFilter([filter])).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
});
