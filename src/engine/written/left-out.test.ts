import { describe, expect, test } from 'vitest';
import type { LaunchPlan } from '../../model/launch-plan.ts';
import type { Volume } from '../../model/volume.ts';
import { mountedPaths, withoutLinks } from './left-out.ts';

const plan = (...targets: readonly string[]) =>
  ({ mounts: targets.map((target) => ({ mount: { target }, by: 'x' })) }) as unknown as Pick<LaunchPlan, 'mounts'>;
const volume = (containerPath: string) => ({ containerPath }) as Volume;

test('places of mounts are those of the plan and of volumes, and what lies below one goes with it', () => {
  const found = mountedPaths(plan('/proc', '/dev', '/dev/pts', '/data/inner', '/etc/hosts'), [
    volume('/data'),
    volume('/x/'),
  ]);
  expect(found).toEqual(['/data', '/dev', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/proc', '/sys', '/x']);
});

test('without a plan, as after a reboot, what every container has is left out still', () => {
  expect(mountedPaths(undefined, [])).toEqual(expect.arrayContaining(['/proc', '/dev', '/etc/resolv.conf']));
});

const LINK = 0o120_777;
/** Layers with these links, and directories everywhere else but below `/gone`. */
function layers(links: Readonly<Record<string, string>>) {
  return {
    lookAt: async (path: string) => {
      if (path.startsWith('/gone')) throw Object.assign(new Error('gone'), { details: { errno: 'ENOENT' } });
      const linkTarget = links[path] ?? '';
      return { mode: linkTarget === '' ? 0o040_755 : LINK, uid: 0, gid: 0, sizeBytes: 0, mtimeNs: 0n, linkTarget };
    },
  };
}

describe('where a place of a mount really is', () => {
  test.each([
    ['/etc/hosts', {}, '/etc/hosts'],
    ['/var/run/x', { '/var/run': '/run' }, '/run/x'],
    ['/etc/resolv.conf', { '/etc/resolv.conf': '../run/resolve/stub.conf' }, '/run/resolve/stub.conf'],
    ['/a/b/c', { '/a': 'x/y', '/x/y/b': '../../z' }, '/z/c'],
    ['/up/x', { '/up': '../../../etc' }, '/etc/x'],
    ['/gone/deep/x', {}, '/gone/deep/x'],
    ['/dangling', { '/dangling': '/gone/there' }, '/gone/there'],
  ])('%s with %j is %s', async (path, links, expected) => {
    expect(await withoutLinks(layers(links), [path])).toEqual([expected]);
  });

  test('links that go round in circles come to an end', async () => {
    expect(await withoutLinks(layers({ '/a': '/b', '/b': '/a' }), ['/a/x'])).toHaveLength(1);
  });

  test('a link to the root leaves nothing out: all would be', async () => {
    expect(await withoutLinks(layers({ '/all': '/' }), ['/all'])).toEqual([]);
  });
});
