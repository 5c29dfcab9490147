import { expect, test } from 'vitest';
import type { ImageJson } from './image-commands.ts';
import { imageFilterOf, nameParts } from './image-filter.ts';
import { shownImages } from './image-list.ts';

const NOW = Date.parse('2026-01-10T00:00:00Z');
const image = (id: string, references: readonly string[], day: number, labels = {}): ImageJson => ({
  ...{ id, references, sizeBytes: 1, platform: 'linux/amd64', config: { labels } },
  createdAt: day === 0 ? null : `2026-01-0${day}T00:00:00Z`,
});
const OLD = image('old', ['docker.io/library/app:1', 'reg.test:5000/team/app:2'], 1, { team: 'x' });
const NEW = image('new', ['docker.io/library/base:latest'], 5, { team: 'y', 'a.b': '' });
const BARE = image('bare', [], 0);

async function shown(filters: readonly string[], names: readonly string[] = []): Promise<readonly string[]> {
  const find = async (text: string) => [OLD, NEW, BARE].find(({ id }) => id === text) ?? BARE;
  const filter = await imageFilterOf({ filters, names }, { nowMs: NOW, find });
  return shownImages([BARE, OLD, NEW], filter).map(({ id, references }) => `${id} ${references.length}`);
}

test.each([
  [[], ['new 1', 'old 2', 'bare 0']],
  [['dangling=true'], ['bare 0']],
  [['dangling=false'], ['new 1', 'old 2']],
  [['label=team'], ['new 1', 'old 2']],
  [['label=team=x'], ['old 2']],
  [['label!=team=x'], ['new 1', 'bare 0']],
  [['label=team', 'label=a.b'], ['new 1']],
  [['before=new'], ['old 2', 'bare 0']],
  [['since=old'], ['new 1']],
  [['until=7d'], ['old 2', 'bare 0']],
  [['reference=app'], ['old 1']],
  [
    ['reference=app', 'reference=base:latest'],
    ['new 1', 'old 1'],
  ],
  [['reference=*app*', 'dangling=false'], ['old 1']],
  [['reference=reg.test:5000/*/app'], ['old 1']],
  [['reference=docker.io/library/*:[1l]*'], ['new 1', 'old 1']],
])('filters %j show %j', async (filters, ids) => {
  expect(await shown(filters)).toEqual(ids);
});

test('a name shows what it names, short or written out, with its tag or all of them', async () => {
  expect(await shown([], ['app'])).toEqual(['old 1']);
  expect(await shown([], ['docker.io/library/app:1', 'reg.test:5000/team/app'])).toEqual(['old 2']);
  expect(await shown([], ['app:2'])).toEqual([]);
});

test.each(['nope=1', 'dangling=maybe', 'label', 'reference!=x', 'reference=[z-a]', 'until=x'])(
  'filter %j is refused by name',
  async (filter) => {
    await expect(shown([filter])).rejects.toMatchObject({ code: 'cli.badValue' });
  },
);

test('a stored name has a repository and a tag', () => {
  expect(nameParts('reg.test:5000/app:1')).toEqual({ repository: 'reg.test:5000/app', tag: '1' });
  expect(nameParts('reg.test:5000/app@sha256:abc')).toEqual({ repository: 'reg.test:5000/app', tag: '<none>' });
  expect(nameParts('<none>')).toEqual({ repository: '<none>', tag: '<none>' });
});
