import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { createEngine } from '../../src/main/index.ts';
import type { BackendName } from '../../src/model/backend.ts';
import { failsForRoom } from '../support/full-disk.ts';
import { layeredImage } from '../support/layered-image.ts';
import { missingPrograms } from '../support/registry.ts';
import { shellConfig } from './support/shell-config.ts';

const DISK_BYTES = 24 << 20;
const PIECE_BYTES = 1 << 20;
const FAILS = [0, 100_000, 600_000] as const;
const lacking = missingPrograms(['mkfs.erofs', 'mkfs.ext4']);
const { signal } = new AbortController();

/** A small disk of its own for the root directory: what mounts it. */
const DISKS: Readonly<Record<string, (directory: string, at: string) => void>> = {
  tmpfs: (_directory, at) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'isopod-test', at]);
  },
  ext4: (directory, at) => {
    const file = join(directory, 'disk');
    writeFileSync(file, '');
    truncateSync(file, DISK_BYTES);
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', file]);
    execFileSync('mount', ['-o', 'loop', file, at]);
  },
};

let directory: string;
let image: string;
let engine: Engine;
const root = (): string => join(directory, 'root');

beforeAll(() => {
  directory = mkdtempSync('/tmp/isopod-full-');
  image = layeredImage(directory, { name: 'image', layers: 3 });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Takes all of the disk but so much, in pieces down to a page. */
function leave(bytes: number): void {
  const filler = join(root(), 'filler');
  mkdirSync(filler);
  const { bsize, bavail } = statfsSync(root());
  let wanted = Math.max(0, bsize * bavail - bytes);
  for (let number = 0, piece = PIECE_BYTES; piece >= bsize; number++) {
    if (wanted < piece) {
      piece >>= 1;
      continue;
    }
    try {
      writeFileSync(join(filler, `${number}`), randomBytes(piece), { flush: true });
      wanted -= piece;
    } catch {
      rmSync(join(filler, `${number}`), { force: true });
      piece >>= 1;
    }
  }
}

function makeRoom(): void {
  rmSync(join(root(), 'filler'), { recursive: true, force: true });
}

async function verified(): Promise<void> {
  const found = await engine.upkeep.verifyImages({ images: [], repair: false }, signal);
  expect(found.flatMap(({ faults }) => faults)).toEqual([]);
}

function unfinished(): readonly string[] {
  return readdirSync(root(), { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(?:^|\/)(?:\.?tmp-[^/]*|[^/]*\.part)$/.test(path),
  );
}

async function launch(command: string, backend: BackendName = 'overlay'): Promise<string> {
  const rootfs = { kind: 'image', reference: image } as const;
  const config = shellConfig('one', command, { rootfs, env: ['PATH=/bin'], backend });
  return (await engine.launch(config)).status.uid;
}

async function removeAll(): Promise<void> {
  for (const { uid } of await engine.list()) await engine.destroy(uid);
  for (const { id } of await engine.listImages()) await engine.removeImage(id, { force: true });
}

describe.skipIf(lacking.length > 0).each(Object.keys(DISKS))('on a full disk of %s', (kind) => {
  beforeEach(async () => {
    mkdirSync(root());
    DISKS[kind]?.(directory, root());
    engine = await createEngine({ root: root(), state: join(directory, 'state'), report: () => {} });
    await engine.pullImage(image, {});
  });
  afterEach(async () => {
    makeRoom();
    await removeAll();
    await engine.close();
    execFileSync('umount', ['-l', root()]);
    for (const name of ['root', 'state', 'disk']) rmSync(join(directory, name), { recursive: true, force: true });
  });

  test('a commit says so, leaves nothing, and succeeds once there is room', async () => {
    const uid = await launch('dd if=/dev/urandom of=/large bs=64k count=24 2>/dev/null');
    await engine.wait(uid);
    const commit = () => engine.written.commit(uid, { reference: 'made:1', changes: [], pause: true }, signal);
    let failed = 0;
    for (const bytes of FAILS) {
      leave(bytes);
      if (await failsForRoom(commit())) failed++;
      expect(unfinished()).toEqual([]);
      makeRoom();
      await verified();
    }
    expect(failed).toBe(FAILS.length);
    await commit();
    await verified();
  });

  test.each(['copy', 'erofs'] as const)(
    'a launch by backend %s says so, leaves nothing, and succeeds once there is room',
    async (backend) => {
      let failed = 0;
      for (const bytes of FAILS) {
        leave(bytes);
        if (await failsForRoom(launch('exec sleep 1000', backend))) failed++;
        expect(await engine.list()).toEqual([]);
        expect(unfinished()).toEqual([]);
        const containers = join(root(), 'containers');
        expect(existsSync(containers) ? readdirSync(containers) : []).toEqual([]);
        makeRoom();
      }
      expect(failed).toBe(FAILS.length);
      await launch('exec sleep 1000', backend);
      await verified();
    },
  );

  test('containers and images can be removed, and that makes room', async () => {
    const ended = await launch('echo written > /file');
    await engine.wait(ended);
    leave(0);
    await engine.remove(ended);
    leaveNothing();
    await engine.removeImage(image);
    expect(await engine.listImages()).toEqual([]);
    const { bsize, bavail } = statfsSync(root());
    expect(bsize * bavail).toBeGreaterThan(1_000_000);
  });

  test('a container that runs can be stopped and removed, and images be pruned', async () => {
    const uid = await launch('exec sleep 1000');
    leave(0);
    await engine.stop(uid, 0);
    await engine.remove(uid);
    leaveNothing();
    const policy = { all: true, excluded: [], labels: [], withoutLabels: [], dryRun: false };
    expect((await engine.upkeep.pruneImages(policy)).deleted).toHaveLength(1);
    expect(await engine.listImages()).toEqual([]);
  });

  test('an engine that is opened has its images, and they can be removed', async () => {
    leave(0);
    await engine.close();
    engine = await createEngine({ root: root(), state: join(directory, 'state'), report: () => {} });
    expect(await engine.listImages()).toHaveLength(1);
    await engine.removeImage(image);
    expect(await engine.listImages()).toEqual([]);
  });
});

/** What has been freed meanwhile is taken, too. */
function leaveNothing(): void {
  const { bsize, bavail } = statfsSync(root());
  if (bavail > 0) writeFileSync(join(root(), 'filler/more'), randomBytes(bsize * bavail));
}
