import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NotifiedManager } from '../support/notified-manager.ts';
import { HELPER_BINARY, TestHelper } from './support/helper-client.ts';

let helper: TestHelper;
let manager: NotifiedManager | undefined;
beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});
afterEach(async () => {
  manager?.close();
  manager = undefined;
  await helper.stop();
});

test.each([
  ['at a path', (directory: string) => join(directory, 'notify')],
  ['with an abstract name', (directory: string) => `@${directory}`],
])('a manager %s is told in the name of whoever asked', async (_, socketOf) => {
  const socket = socketOf(helper.directory);
  manager = await NotifiedManager.listen(socket);
  const worker = await helper.connect();
  await worker.send('notify', { socket, asMaker: 1, state: 'READY=1\nSTATUS=well' });
  await worker.expect('done');
  expect(await manager.next('READY=1')).toEqual({ pid: process.pid, state: 'READY=1\nSTATUS=well' });
});

test('the worker speaks in its own name when told, and as often as it is asked', async () => {
  const socket = join(helper.directory, 'notify');
  manager = await NotifiedManager.listen(socket);
  const worker = await helper.connect();
  for (const state of ['A=1', 'B=1']) {
    await worker.send('notify', { socket, asMaker: 0, state });
    await worker.expect('done');
  }
  expect((await manager.next('B=1')).pid).toBe(worker.workerPid);
});

test('who may not speak in the name of another is refused', async () => {
  const socket = `@${helper.directory}`;
  manager = await NotifiedManager.listen(socket);
  await helper.stop();
  helper = new TestHelper();
  await helper.start(['setpriv', '--bounding-set', '-sys_admin', HELPER_BINARY]);
  const worker = await helper.connect();
  await worker.send('notify', { socket, asMaker: 1, state: 'READY=1' });
  expect((await worker.expectFailure()).errno).toBe(constants.errno.EPERM);
  await worker.send('notify', { socket, asMaker: 0, state: 'READY=1' });
  await worker.expect('done');
});

test.each([
  ['nobody listens', '/nonexistent/notify', constants.errno.ENOENT],
  ['the name is neither a path nor abstract', 'vsock:2:1', constants.errno.EAFNOSUPPORT],
  ['the path is longer than the kernel takes', `/${'x'.repeat(107)}`, constants.errno.ENAMETOOLONG],
])('it is told when %s', async (_, socket, errno) => {
  const worker = await helper.connect();
  await worker.send('notify', { socket, asMaker: 1, state: 'READY=1' });
  expect(await worker.expectFailure()).toMatchObject({ phase: 0, errno });
});
