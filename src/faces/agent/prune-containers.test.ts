import { expect, test } from 'vitest';
import type { ContainerStatus } from '../../engine/facade.ts';
import { prunable } from './prune-containers.ts';

interface Fields {
  readonly depth?: number;
  readonly children?: readonly string[];
  readonly endedAtMs?: number;
  readonly isDue?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

function container(uid: string, { depth = 1, children = [], endedAtMs, isDue = false, labels = {} }: Fields) {
  return {
    ...{ uid, depth, children, config: { labels } },
    termination: endedAtMs === undefined ? undefined : { finishedAtMs: endedAtMs },
    restart: { nextAttemptAtMs: isDue ? 1 : undefined },
  } as unknown as ContainerStatus;
}

const uids = (list: readonly ContainerStatus[], request = {}): readonly string[] =>
  prunable(list, { labels: [], ...request }).map(({ uid }) => uid);

test('those go that have ended, unless they are about to be started again', () => {
  const list = [
    container('runs', {}),
    container('ended', { endedAtMs: 5 }),
    container('waits', { endedAtMs: 5, isDue: true }),
  ];
  expect(uids(list)).toEqual(['ended']);
});

test('only those go that had ended by then, and that have all labels', () => {
  const list = [
    container('old', { endedAtMs: 5, labels: { team: 'a', tier: '' } }),
    container('new', { endedAtMs: 9, labels: { team: 'a' } }),
  ];
  expect(uids(list, { endedBeforeMs: 9 })).toEqual(['old']);
  expect(uids(list, { labels: ['team=a'] })).toEqual(['old', 'new']);
  expect(uids(list, { labels: ['team=a', 'tier'] })).toEqual(['old']);
  expect(uids(list, { labels: ['team=b'] })).toEqual([]);
  expect(uids(list, { labels: ['toString'] })).toEqual([]);
  expect(uids(list, { labels: ['team=a'], withoutLabels: ['tier'] })).toEqual(['new']);
});

test('the innermost go first, and one in which something else is stays', () => {
  const inner = { depth: 2, endedAtMs: 5, labels: { team: 'a' } };
  const outer = { endedAtMs: 6, labels: { team: 'a' } };
  expect(uids([container('outer', { ...outer, children: ['inner'] }), container('inner', inner)])).toEqual([
    'inner',
    'outer',
  ]);
  const others = [
    container('outer', { ...outer, children: ['inner'] }),
    container('inner', { ...inner, labels: { team: 'b' } }),
  ];
  expect(uids(others, { labels: ['team=a'] })).toEqual([]);
});
