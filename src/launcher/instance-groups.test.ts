import { expect, test } from 'vitest';
import type { Effects } from '../base/effects.ts';
import { makeInstanceGroups } from './instance-groups.ts';

const CPUSET = { version: 1, mountPoint: '/cg/cpuset', controllers: ['cpuset'] } as const;

/** A hierarchy whose new groups are gone again so many times when they are first read. */
function removedMeanwhile(times: number) {
  const made = new Set(['/cg/cpuset']);
  const written: string[] = [];
  let left = times;
  const present = (path: string): void => {
    if (made.has(path.slice(0, path.lastIndexOf('/')))) return;
    throw Object.assign(new Error('gone'), { code: 'ENOENT' });
  };
  const files = {
    makeDirectory: async (path: string) => void made.add(path),
    readText: async (path: string) => {
      if (left > 0 && path.startsWith('/cg/cpuset/')) {
        left -= 1;
        made.clear();
        made.add('/cg/cpuset');
      }
      present(path);
      return path.startsWith('/cg/cpuset/cpuset.') ? '0-1\n' : '\n';
    },
    writeKernelFile: async (path: string) => {
      present(path);
      written.push(path);
    },
  };
  return { effects: { files } as unknown as Effects, made, written };
}

test.each([0, 1, 4])(
  'groups that an ending fork server removes %i times meanwhile are made in the end',
  async (times) => {
    const { effects, made, written } = removedMeanwhile(times);
    await makeInstanceGroups(effects, [CPUSET], 'isopod-x');
    const groups = ['isopod-x', 'isopod-x/engine', 'isopod-x/containers'].map((name) => `/cg/cpuset/${name}`);
    expect([...made]).toEqual(['/cg/cpuset', ...groups]);
    expect(written).toEqual(expect.arrayContaining(groups.map((group) => `${group}/cgroup.clone_children`)));
  },
);

test('a hierarchy that takes no group at all is told, and not tried for ever', async () => {
  const { effects } = removedMeanwhile(1000);
  await expect(makeInstanceGroups(effects, [CPUSET], 'isopod-x')).rejects.toMatchObject({ code: 'ENOENT' });
});
