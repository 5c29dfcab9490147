import { constants } from 'node:os';
import { expect, test } from 'vitest';
import type { Clock, Frame, HelperConnection } from '../base/effects.ts';
import { WATCH_KIND } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { Watcher } from './watcher.ts';

const PRESSURE = { kind: WATCH_KIND.pressure, path: '/cg/cpu.pressure', trigger: 'some 1 2' };
const clock = { after: () => () => {} } as unknown as Clock;

/** A worker that a test answers for. */
class FakeWorker {
  readonly sent: string[] = [];
  isClosed = false;
  readonly #frames: (Frame | undefined)[] = [];
  #wake: () => void = () => {};

  answer(...frames: readonly (Frame | undefined)[]): void {
    this.#frames.push(...frames);
    this.#wake();
  }

  connection(reply: (id: number) => Frame | undefined): HelperConnection {
    return {
      send: async (type: number, payload: Uint8Array) => {
        const frame = { type, payload };
        const name = messageName(frame);
        const id = Number(decodeMessage(name as 'unwatch', frame).id);
        this.sent.push(`${name} ${id}`);
        const answer = name === 'watch' ? reply(id) : undefined;
        if (answer !== undefined) this.answer(answer);
      },
      receive: async () => {
        while (this.#frames.length === 0) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        return this.#frames.shift();
      },
      close: () => {
        this.isClosed = true;
        this.answer(undefined);
      },
    } as unknown as HelperConnection;
  }
}

function watcherOf(reply: (id: number) => Frame | undefined) {
  const workers: FakeWorker[] = [];
  const connect = async (): Promise<HelperConnection> => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker.connection(reply);
  };
  return { watcher: new Watcher({ clock, connect }), workers };
}

const watching = (id: number): Frame => encodeMessage('watching', { id });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('many watches share one worker, which goes with the last of them', async () => {
  const { watcher, workers } = watcherOf(watching);
  const seen: string[] = [];
  const one = await watcher.watch(PRESSURE, () => seen.push('one'));
  const two = await watcher.watch(PRESSURE, () => seen.push('two'));
  workers[0]?.answer(encodeMessage('noticed', { id: 2 }), encodeMessage('noticed', { id: 1 }));
  await settled();
  expect(seen).toEqual(['two', 'one']);
  one.stop();
  one.stop();
  await one.over;
  await settled();
  expect(workers.map(({ sent, isClosed }) => [sent, isClosed])).toEqual([[['watch 1', 'watch 2', 'unwatch 1'], false]]);
  two.stop();
  await settled();
  expect(workers[0]?.isClosed).toBe(true);
  await watcher.watch(PRESSURE, () => {});
  expect(workers.length).toBe(2);
});

test('what the kernel refuses to watch is told with its reason', async () => {
  const { watcher, workers } = watcherOf((id) => encodeMessage('watchOver', { id, errno: constants.errno.EINVAL }));
  await expect(watcher.watch(PRESSURE, () => {})).rejects.toMatchObject({
    code: 'launcher.watchRefused',
    details: { path: '/cg/cpu.pressure', what: 'some 1 2', errno: 'EINVAL' },
  });
  await settled();
  expect(workers[0]?.isClosed).toBe(true);
});

test('a group that goes ends its watch, a worker that dies fails all of them', async () => {
  const { watcher, workers } = watcherOf(watching);
  const one = await watcher.watch(PRESSURE, () => {});
  const two = await watcher.watch(PRESSURE, () => {});
  workers[0]?.answer(encodeMessage('watchOver', { id: 1, errno: constants.errno.ENODEV }));
  await one.over;
  workers[0]?.answer(undefined);
  await expect(two.over).rejects.toMatchObject({ code: 'launcher.watcherGone', kind: 'unavailable' });
});
