import { constants } from 'node:os';
import { expect, test } from 'vitest';
import type { Clock, Frame, HelperConnection } from '../base/effects.ts';
import { decodeMessage, encodeMessage } from '../model/wire-codec.ts';
import { PortTries } from './port-tries.ts';

const clock = { after: () => () => {} } as unknown as Clock;
const PROCESS = { pid: 7, startTime: 9n };
const EMPTY = new Uint8Array(0);
const TRY = { address: '127.0.0.1', port: 80, timeoutMs: 50, request: EMPTY, until: EMPTY, settleMs: 0, maxBytes: 0 };

/** A worker that a test answers for. */
class FakeWorker {
  readonly ids: number[] = [];
  isClosed = false;
  readonly #frames: (Frame | undefined)[] = [];
  #wake: () => void = () => {};

  answer(frame: Frame | undefined): void {
    this.#frames.push(frame);
    this.#wake();
  }

  readonly connection = {
    send: async (type: number, payload: Uint8Array) => {
      this.ids.push(Number(decodeMessage('tryPort', { type, payload }).id));
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

function triesOf() {
  const workers: FakeWorker[] = [];
  const connect = async (): Promise<HelperConnection> => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker.connection;
  };
  return { tries: new PortTries({ clock, connect }), workers };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const tried = (id: number, errno = 0, text = ''): Frame =>
  encodeMessage('portTried', { id, errno, answer: Buffer.from(text) });

test('tries share one worker, which goes with the last of them', async () => {
  const { tries, workers } = triesOf();
  const both = [tries.try(PROCESS, TRY), tries.try(PROCESS, TRY)];
  await settled();
  expect(workers.map(({ ids }) => ids)).toEqual([[1, 2]]);
  workers[0]?.answer(tried(2, 0, 'two'));
  expect(await both[1]).toEqual({ failure: undefined, answer: Buffer.from('two') });
  expect(workers[0]?.isClosed).toBe(false);
  workers[0]?.answer(tried(1, constants.errno.ECONNREFUSED));
  expect(await both[0]).toMatchObject({ failure: 'ECONNREFUSED' });
  await settled();
  expect(workers[0]?.isClosed).toBe(true);
});

test('a worker that dies fails what it had in hand, and the next try takes another', async () => {
  const { tries, workers } = triesOf();
  const one = tries.try(PROCESS, TRY);
  await settled();
  workers[0]?.answer(undefined);
  await expect(one).rejects.toMatchObject({ code: 'launcher.portTriesGone', kind: 'unavailable' });
  const two = tries.try(PROCESS, TRY);
  await settled();
  workers[1]?.answer(tried(2));
  expect(await two).toMatchObject({ failure: undefined });
});
