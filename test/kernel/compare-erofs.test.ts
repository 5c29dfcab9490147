/** An erofs image that is held against the tree it was made of. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { errnoName } from '../../src/linux/errno.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import { type Step, step } from '../../src/model/wire.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { missingPrograms } from '../support/registry.ts';

const UUID = '01234567-89ab-cdef-0123-456789abcdef';
const CONTENT = 'content of a file '.repeat(1000);
const lacks = missingPrograms(['mkfs.erofs']);

describe.skipIf(lacks.length > 0)(`an erofs image${lacks.length > 0 ? ' (lacks mkfs.erofs)' : ''}`, () => {
  let host: ImageHost;
  let directory: string;
  let model: string;
  let image: string;
  beforeAll(async () => {
    host = await imageHost();
  });
  afterAll(() => host.dispose());
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'isopod-erofs-'));
    [model, image] = [join(directory, 'model'), join(directory, 'image')];
    mkdirSync(join(model, 'deep'), { recursive: true });
    writeFileSync(join(model, 'deep/file'), CONTENT);
    symlinkSync('file', join(model, 'deep/link'));
    await run(step('test', 'make-erofs', { tree: model, path: image, uuid: UUID }));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function run(one: Step): Promise<void> {
    const worker = await connectWorker(nodeEffects(), host.socket);
    try {
      await worker.run([one]);
    } finally {
      worker.close();
    }
  }
  /** @returns how it failed and on what; `as it was` when it did not */
  async function compared(values: Partial<Record<'image' | 'digest', string>> = {}): Promise<string> {
    try {
      await run(step('test', 'compare-erofs', { image, digest: '', model, ...values }));
      return 'as it was';
    } catch (error) {
      const { errno, detail } = (error as { details: { errno: number; detail: string } }).details;
      return `${errnoName(errno).split(' ')[0]} ${detail}`;
    }
  }

  test('is as the tree that it was made of, and stays so when it is looked at again', async () => {
    expect([await compared(), await compared()]).toEqual(['as it was', 'as it was']);
  });

  test('differs where the tree does, with what and where', async () => {
    chmodSync(join(model, 'deep/file'), 0o600);
    expect(await compared()).toBe('ENOMSG mode deep/file');
  });

  test('differs where its own bytes do', async () => {
    const bytes = readFileSync(image);
    const at = bytes.indexOf('content of a file', 4096);
    expect(at).toBeGreaterThan(0);
    writeFileSync(image, bytes.fill(0, at, at + 1));
    expect(await compared()).toBe('ENOMSG content deep/file');
  });

  test('is refused with a digest where nothing seals it, and where it is none or not there', async () => {
    expect(await compared({ digest: `sha256:${'0'.repeat(64)}` })).toMatch(/^EBADMSG .*image/);
    expect(await compared({ image: join(directory, 'other') })).toMatch(/^ENOENT .*other/);
    truncateSync(image, 512);
    expect(await compared()).toMatch(/^EINVAL .*image|^EIO .*image/);
  });
});
