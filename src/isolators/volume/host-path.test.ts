import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { planInput, prepareAndPlan } from '../isolator.fixture.ts';
import { hostPathVolumes } from './host-path.ts';

const FILES = { '/data/x': '', '/file': 'text', '/link': '-> /data' };

function plan(hostPath: string, containerPath: string, readOnly = false) {
  const input = planInput({ volumes: [{ kind: 'host-path', hostPath, containerPath, readOnly }] });
  return prepareAndPlan(hostPathVolumes({ files: memoryFiles(FILES) }), input);
}

test.each([
  ['/data', 'directory'],
  ['/file', 'file'],
  ['/link', 'directory'],
])('the target of %s is made as a %s', async (hostPath, create) => {
  expect((await plan(hostPath, '/c')).mounts).toEqual([
    { kind: 'bind', source: hostPath, target: '/c', attributes: ['nodev'], recursive: true, create },
  ]);
});

test('a read-only volume is so with all that is mounted in it', async () => {
  expect((await plan('/data', '/c', true)).mounts?.[0]).toMatchObject({ attributes: ['ro', 'nodev'], recursive: true });
});

test('a missing host path is named, with where it should have been seen', async () => {
  await expect(plan('/nowhere', '/c')).rejects.toMatchObject({
    kind: 'not-found',
    message: 'host path /nowhere of the volume at /c does not exist',
  });
});

test.each(['/proc', '/proc/sys/kernel', '/sys', '/dev', '/dev/pts', '/dev/pts/0'])(
  'a volume over %s is refused',
  async (containerPath) => {
    await expect(plan('/data', containerPath)).rejects.toThrow(`at ${containerPath} would lie over`);
  },
);

test.each(['/dev/shm', '/dev/kvm', '/sys/fs/bpf', '/processes'])('a volume at %s is taken', async (containerPath) => {
  expect((await plan('/data', containerPath)).mounts).toHaveLength(1);
});
