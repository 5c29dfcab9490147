import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import { hostTreeInput, planInput } from '../isolator.fixture.ts';
import { networkHost } from './host.ts';

const HOST_FILES = { '/etc/resolv.conf': 'nameserver 1.1.1.1\n', '/etc/hosts': '127.0.0.1 localhost' };
const DIRECTORY = '/var/lib/isopod/containers/0123456789ab/files';

async function prepared(content: Readonly<Record<string, string>>, input = planInput({ network: 'host' })) {
  const files = memoryFiles(content);
  await networkHost({ files }).prepare?.(input, new UndoStack());
  return files.texts;
}

test('a container gets copies of what the host resolves by', async () => {
  const texts = await prepared(HOST_FILES);
  expect(texts.get(`${DIRECTORY}/resolv.conf`)).toBe('nameserver 1.1.1.1\n');
  expect(texts.get(`${DIRECTORY}/hostname`)).toBe('0123456789ab\n');
});

test('a container with a name of its own finds itself in hosts', async () => {
  const texts = await prepared(HOST_FILES);
  expect(texts.get(`${DIRECTORY}/hosts`)).toBe('127.0.0.1 localhost\n127.0.1.1\t0123456789ab\n');
});

test("a container with the host's name has the host's hosts", async () => {
  const texts = await prepared(HOST_FILES, planInput({ network: 'host' }, { isolators: ['network/host'] }));
  expect(texts.get(`${DIRECTORY}/hosts`)).toBe('127.0.0.1 localhost');
  expect(texts.get(`${DIRECTORY}/hostname`)).toBe('box\n');
});

test('a host without resolv.conf gives an empty one', async () => {
  expect((await prepared({ '/etc/hosts': '' })).get(`${DIRECTORY}/resolv.conf`)).toBe('');
});

test('the files are bound one by one, and made where an image lacks them', () => {
  const { mounts } = networkHost({ files: memoryFiles({}) }).plan(planInput({ network: 'host' }));
  expect(mounts?.map(({ target }) => target)).toEqual(['/etc/resolv.conf', '/etc/hosts', '/etc/hostname']);
  expect(mounts?.[0]).toMatchObject({ kind: 'bind', source: `${DIRECTORY}/resolv.conf`, create: 'file' });
});

test("a volume of the caller's takes the place of a file", async () => {
  const volumes = [
    { kind: 'host-path', hostPath: '/my.conf', containerPath: '/etc/resolv.conf', readOnly: true },
  ] as const;
  const input = planInput({ network: 'host', volumes });
  const { mounts } = networkHost({ files: memoryFiles({}) }).plan(input);
  expect(mounts?.map(({ target }) => target)).toEqual(['/etc/hosts', '/etc/hostname']);
  expect((await prepared(HOST_FILES, input)).has(`${DIRECTORY}/resolv.conf`)).toBe(false);
});

test("on the host's tree there is nothing to write or to bind", async () => {
  const input = hostTreeInput({ network: 'host' });
  expect(networkHost({ files: memoryFiles({}) }).plan(input).mounts).toEqual([]);
  expect((await prepared(HOST_FILES, input)).size).toBe(2);
});
