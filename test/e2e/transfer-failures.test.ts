import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuiltImage, buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { tarArchive } from '../support/tar-writer.ts';
import { Installation } from './support/installation.ts';

const MIB = 1 << 20;
let image: BuiltImage;
let isopod: Installation;
const path = (name: string): string => join(isopod.directory, name);
const layout = (): string => `oci:${path('layout')}:1`;

beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['pull', '-q', 'hello']);
  await isopod.expect(['push', '-q', 'hello', `dir:${path('hello')}`]);
  const hello = { name: 'hello', data: readFileSync(path('hello/hello')), mode: 0o755 };
  image = buildImage([tarArchive([hello, { name: 'large', data: randomBytes(6 * MIB) }])]);
  for (const [name, bytes] of layoutOf(buildIndex([{ image, name: '1' }]), [image])) {
    mkdirSync(dirname(join(path('layout'), name)), { recursive: true });
    writeFileSync(join(path('layout'), name), bytes);
  }
  await isopod.expect(['pull', '-q', layout()]);
  await isopod.expect(['tag', layout(), 'large:1']);
});
afterAll(() => isopod.close());

describe('an image that is damaged in the store', () => {
  /** Changes the last byte of a blob while something is done. */
  async function damaged(digest: string, work: () => Promise<void>): Promise<void> {
    const blob = join(isopod.root, 'blobs/sha256', digest.slice('sha256:'.length));
    const bytes = readFileSync(blob);
    const other = Buffer.from(bytes);
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    writeFileSync(blob, other);
    try {
      await work();
    } finally {
      writeFileSync(blob, bytes);
    }
  }
  const says = /image \S*large:1 is damaged: .*sha256:[\s\S]*image verify --repair \S*large:1, then isopod /;

  test.each(['config', 'manifest'] as const)('is refused before a byte is saved, when that is its %s', async (part) => {
    await damaged(image[part].digest, async () => {
      for (const format of ['docker-archive', 'oci-archive']) {
        const refused = await isopod.run(['save', '--format', format, 'large:1']);
        expect(refused).toMatchObject({ code: 125, stdout: '', stderr: expect.stringMatching(says) });
      }
    });
  });

  test('is told as the reason why saving breaks off, when that is a layer, and leaves no file', async () => {
    await damaged(image.layers[0]?.digest ?? '', async () => {
      const cut = await isopod.run(['save', '--format', 'oci-archive', '-o', path('cut.tar'), 'large:1']);
      expect(cut.code).toBe(125);
      expect(cut.stderr).toMatch(/saving large:1 broke off: /);
      expect(cut.stderr).toMatch(says);
      expect(cut.stderr).not.toContain('ECONNRESET');
      expect(readdirSync(isopod.directory).filter((name) => name.startsWith('cut.tar'))).toEqual([]);
    });
  });
});

describe('a disk that is full', () => {
  let mount: string;
  beforeAll(async () => {
    mount = path('small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'isopod-test', mount]);
    await isopod.expect(['run', '--name', 'large', '--user', '0', 'large:1', '/hello']);
  });
  afterAll(async () => {
    execFileSync('umount', ['-l', mount]);
    await isopod.expect(['rm', 'large']);
  });

  test.each([
    ['save', ['save', '-o', 'small/x', 'large:1']],
    ['export', ['export', '-o', 'small/x', 'large']],
    ['a copy from a container', ['cp', 'large:/large', 'small/x']],
    ['a push into a directory', ['push', '-q', 'large:1', 'dir:small/x']],
    ['a push into an archive', ['push', '-q', 'large:1', 'oci-archive:small/x']],
  ])('is named by %s with what to do, and nothing is left on it', async (_, words) => {
    const refused = await isopod.shell(`cd ${isopod.directory} && isopod ${words.join(' ')}`);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toMatch(/no space (is )?left/);
    expect(refused.stderr).toMatch(/\n {2}.*free /);
    expect(readdirSync(mount)).toEqual([]);
  });
});

test('of an empty archive is said where it came from, and what to do', async () => {
  for (const [words, from] of [
    ['isopod load -i /dev/null', '/dev/null'],
    ['isopod load </dev/null', 'standard input'],
  ] as const) {
    const refused = await isopod.shell(words);
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining(`${from} is empty`) });
    expect(refused.stderr).toContain('isopod load -i FILE');
    expect(refused.stderr).not.toContain('.tmp-held');
  }
});

test('copies by several commands at once into one new layout all come into it', async () => {
  const names = ['a', 'b', 'c'];
  const copies = names.map((name) => isopod.expect(['copy', '-q', layout(), `oci:${path('made')}:${name}`]));
  expect(new Set(await Promise.all(copies))).toEqual(new Set([image.manifest.digest]));
  const { manifests } = JSON.parse(readFileSync(path('made/index.json'), 'utf8'));
  expect(manifests).toHaveLength(3);
});
