import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

const isopod = new Installation();
beforeAll(async () => {
  // The first command of all sends something, and there is no agent yet that would take it.
  const { code } = await isopod.run(['load'], 'no archive');
  expect(code).toBe(125);
  await isopod.expect(['run', '--name', 'user', 'hello']);
});
afterAll(() => isopod.close());

const names = async (...words: readonly string[]): Promise<readonly string[]> =>
  (await isopod.expect(['images', '--format', '{{.Reference}} {{.Tag}}', ...words])).split('\n');

test('an image has more names, and is shown by those that are asked for', async () => {
  await isopod.expect(['tag', 'hello', 'site:1', 'reg.test/site:2']);
  expect(await names('site')).toEqual(['docker.io/library/site:1 1']);
  expect(await names('--filter', 'reference=*/site')).toEqual(['reg.test/site:2 2']);
  expect(await names('--filter', 'dangling=true')).toEqual(['']);
  expect(await isopod.expect(['image', 'ls', '-q'])).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test('one of several images that cannot be pulled is told, and the others come', async () => {
  const { code, stdout, stderr } = await isopod.run(['pull', '-q', 'oci:/not/here', 'hello']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('/not/here')]);
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
});

test.each([
  ['pull', 'pull docker-daemon:app:1'],
  ['push', 'push hello docker-daemon:app:1'],
  ['copy', 'copy docker-daemon:app:1 oci:layout:1'],
  ['run', 'run --rm docker-daemon:app:1'],
])('a %s asks the Docker engine of its caller, whatever engine the agent was started with', async (_what, words) => {
  for (const name of ['one', 'two']) {
    const { code, stderr } = await isopod.shell(
      `cd ${isopod.directory} && DOCKER_HOST=unix:///nowhere/${name}.sock isopod ${words}`,
    );
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining(`/nowhere/${name}.sock`)]);
    expect(code).not.toBe(0);
  }
});

test('a format is refused before anything is asked for, and by its fault', async () => {
  const { code, stderr } = await isopod.run(['images', '--format', '{{.Id']);
  expect([code, stderr]).toEqual([125, expect.stringContaining('has no }}')]);
  expect(await isopod.expect(['inspect', '-f', '{{.state}} {{.config.name}}', 'user'])).toBe('terminated user');
});

test('whether an image is here shows in the exit code', async () => {
  expect((await isopod.run(['image', 'exists', 'site:1'])).code).toBe(0);
  expect((await isopod.run(['image', 'exists', 'site:9'])).code).toBe(1);
  const { stderr } = await isopod.run(['inspect', 'site:9']);
  expect(stderr).toContain('no container and no image "site:9"');
});

test('an image with many names, and one that is used, goes by force alone, and its container still runs', async () => {
  const id = (await isopod.expect(['images', '-q'])).trim();
  const refused = await isopod.run(['rmi', id]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('reg.test/site:2')]);
  const removed = await isopod.expect(['image', 'rm', '-f', id, 'nothing']);
  expect(removed.split('\n').sort()).toEqual([
    ...['untagged docker.io/library/site:1', 'untagged embedded:hello', 'untagged reg.test/site:2'],
  ]);
  expect(await names()).toEqual(['<none> <none>']);
  await isopod.expect(['start', 'user']);
  await isopod.expect(['wait', 'user']);
  await isopod.expect(['rm', 'user']);
  expect(await isopod.expect(['image', 'prune'])).toContain(`deleted ${id}`);
});

test('the name of an image is shown for its containers until it moves to another image, and then the id', async () => {
  const id = await isopod.expect(['pull', '-q', 'hello']);
  await isopod.expect(['tag', 'hello', 'moved:1']);
  await isopod.expect(['run', '--name', 'old', 'moved:1']);
  const shown = async () => /^\S+ +(\S+)/m.exec((await isopod.expect(['ps', '-a'])).split('\n')[1] ?? '')?.[1];
  expect(await shown()).toBe('moved:1');
  expect((await isopod.shell('tar -cf - -T /dev/null | isopod import - moved:1')).code).toBe(0);
  expect(await shown()).toBe(id.slice('sha256:'.length).slice(0, 12));
});
