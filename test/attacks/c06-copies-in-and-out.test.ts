import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import type { TreeCopy } from '../../src/linux/tree-copy.ts';
import { HELPER_BINARY, TestHelper } from '../kernel/support/helper-client.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { tarArchive } from '../support/tar-writer.ts';
import { type WeakenedHelper, weakenedHelper } from './support/weakened-helper.ts';

const COPIES = 300;
/** Swaps a directory and a symlink to the host's directory for each other, as fast as it can. */
const SWAP = 'while :; do mv real d; mv d real; ln -s ../outside d; rm d; done';

/**
 * CVE-2018-15664, CVE-2019-14271, CVE-2026-42306: a copy in or out of a container follows what the container has laid, with
 * rights of the host.
 */
describe.skipIf(!PlannedHost.isPossible)('C6, copies in and out of a container', () => {
  let weak: WeakenedHelper;
  let place: string;
  const helpers: TestHelper[] = [];
  beforeAll(() => {
    weak = weakenedHelper('RESOLVED_PATHS');
  });
  afterAll(() => weak.dispose());
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'isopod-copies-'));
    for (const name of ['root', 'outside']) mkdirSync(join(place, name));
    writeFileSync(join(place, 'outside', 'secret'), 'of the host');
  });
  afterEach(async () => {
    for (const helper of helpers.splice(0)) await helper.stop();
    rmSync(place, { recursive: true });
  });

  const outside = (): string => join(place, 'outside');
  const root = (): string => join(place, 'root');

  async function helperOf(binary: string): Promise<TestHelper> {
    const helper = new TestHelper();
    await helper.start([binary]);
    helpers.push(helper);
    return helper;
  }

  async function copying<Result>(
    helper: TestHelper,
    work: (copy: TreeCopy) => Promise<Result>,
  ): Promise<Result | string> {
    const worker = await connectWorker(nodeEffects(), helper.socketPath);
    try {
      return await work(await worker.enterRoot({ kind: 'directory', path: root() }));
    } catch (error) {
      return String((error as { details: { errno: string } }).details.errno);
    } finally {
      worker.close();
    }
  }

  const out = (helper: TestHelper, path: string): Promise<string> =>
    copying(helper, async (copy) => {
      const parts: Uint8Array[] = [];
      for await (const part of copy.pack({ path, name: 'top', followLink: true, attributes: false })) parts.push(part);
      return Buffer.concat(parts).toString('latin1');
    });

  async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const into = (helper: TestHelper, path: string, archive: Uint8Array): Promise<unknown> =>
    copying(helper, (copy) => copy.unpack({ path, owners: 'root' }, whole(archive)));

  test('a symlink to the host is followed where paths are not resolved in the root, and not by us', async () => {
    symlinkSync(outside(), join(root(), 'absolute'));
    symlinkSync('../outside', join(root(), 'up'));
    const [weakened, ours] = [await helperOf(weak.binary), await helperOf(HELPER_BINARY)];
    for (const path of ['/absolute/secret', '/up/secret']) {
      expect(await out(weakened, path)).toContain('of the host');
      expect(await out(ours, path)).toBe('ENOENT');
    }
    for (const path of ['/../outside/secret', `/../../../..${outside()}/secret`])
      expect(await out(ours, path)).toBe('ENOENT');
  });

  test('an archive is unpacked on the host through such a link, and by us never beside the root', async () => {
    symlinkSync(outside(), join(root(), 'etc'));
    const archive = tarArchive([{ name: 'planted', data: 'planted' }]);
    await into(await helperOf(weak.binary), '/etc', archive);
    expect(existsSync(join(outside(), 'planted'))).toBe(true);
    rmSync(join(outside(), 'planted'));
    expect(await into(await helperOf(HELPER_BINARY), '/etc', archive)).toBe('ENOENT');
    expect(readdirSync(outside())).toEqual(['secret']);
  });

  test('what an archive says of itself leads out neither', async () => {
    const ours = await helperOf(HELPER_BINARY);
    const link = { name: 'l', type: '2', link: outside() } as const;
    await into(ours, '/', tarArchive([link, { name: 'l/planted', data: 'x' }]));
    expect(await into(ours, '/', tarArchive([{ name: '../outside/planted', data: 'x' }]))).toBe('EINVAL');
    expect(await into(ours, '/', tarArchive([{ name: 'h', type: '1', link: `..${outside()}/secret` }]))).toBe('EINVAL');
    expect(readdirSync(outside())).toEqual(['secret']);
  });

  describe('while a directory and a link to the host are swapped', () => {
    let swapper: ChildProcess;
    beforeEach(() => {
      mkdirSync(join(root(), 'real'));
      writeFileSync(join(root(), 'real', 'secret'), 'inside');
      swapper = spawn('sh', ['-c', SWAP], { cwd: root(), stdio: 'ignore' });
    });
    afterEach(async () => {
      const gone = new Promise((resolve) => swapper.once('exit', resolve));
      swapper.kill('SIGKILL');
      await gone;
    });

    test('copies have what is inside, or nothing', async () => {
      const ours = await helperOf(HELPER_BINARY);
      const archive = tarArchive([{ name: 'planted', data: 'x' }]);
      const seen: string[] = [];
      for (let n = 0; n < COPIES; n += 1) {
        seen.push(await out(ours, '/d/secret'), await out(ours, '/'));
        await into(ours, '/d', archive);
      }
      expect(seen.filter((text) => text.includes('of the host'))).toEqual([]);
      expect(readdirSync(outside())).toEqual(['secret']);
      expect(readFileSync(join(outside(), 'secret'), 'utf8')).toBe('of the host');
    });
  });
});
