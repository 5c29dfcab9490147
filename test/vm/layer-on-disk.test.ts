/** The steps of a layer on a disk of its own on a kernel before 6.15, which takes no layer from a detached mount. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { type Step, step } from '../../src/model/wire.ts';
import { TestHelper, until } from '../kernel/support/helper-client.ts';

const helper = new TestHelper();
/** On ext4: tmpfs shows no other owners there. */
const place = join(helper.directory, 'place');
beforeAll(async () => {
  if (!existsSync('/dev/loop-control')) {
    execFileSync('busybox', ['insmod', `/usr/lib/uml/modules/${release()}/kernel/drivers/block/loop.ko`]);
  }
  const image = join(helper.directory, 'image');
  execFileSync('truncate', ['-s', '16M', image]);
  execFileSync('mkfs.ext4', ['-q', image]);
  mkdirSync(place);
  execFileSync('mount', ['-o', 'loop', image, place]);
  await helper.start();
});
afterAll(async () => {
  execFileSync('umount', [place]);
  await helper.stop();
});

let made = 0;
async function layerOnDisk(mapped: 0 | 1, before: readonly Step[] = []): Promise<void> {
  made += 1;
  const lower = join(place, `lower-${made}`);
  mkdirSync(lower);
  const worker = await helper.connect();
  const hostSteps = [
    ...before,
    step('test', 'create-disk', { slot: 0, path: join(helper.directory, `disk-${made}`), bytes: 4 << 20 }),
    step('test', 'create-overlay-on', { slot: 1, lower: [lower], disk: 0, attributes: 0, mapped }),
  ];
  await worker.send('run', { hostSteps });
  await worker.expect('done');
  worker.close();
}

test('a layer is stacked with an upper directory on a disk', async () => {
  await layerOnDisk(0);
});

test('a layer is stacked so with other owners', async () => {
  const map = '0 1000 1\n';
  await layerOnDisk(1, [step('test', 'write-id-maps', { uidMap: map, gidMap: map })]);
});

test('nothing of it stays', async () => {
  await until('the devices are free', () => !execFileSync('losetup', ['-a'], { encoding: 'utf8' }).includes('disk-'));
});
