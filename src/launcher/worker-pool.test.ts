import { expect, test } from 'vitest';
import type { Effects, HelperConnection } from '../base/effects.ts';
import { HELPER_ROLE, PROTOCOL_VERSION } from '../model/wire.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { WorkerPool } from './worker-pool.ts';

/** Connections in the order in which they were made; each says hello with its place in it as pid. */
function poolOver(idleWorkers: number) {
  const closed: number[] = [];
  let connected = 0;
  const connect = async (): Promise<HelperConnection> => {
    connected += 1;
    const pid = connected;
    return {
      send: async () => {},
      sendRaw: async () => {},
      receive: async () => encodeMessage('hello', { version: PROTOCOL_VERSION, pid, role: HELPER_ROLE.worker }),
      end: () => {},
      close: () => closed.push(pid),
      closed: new Promise(() => {}),
    };
  };
  const clock = { sleep: () => new Promise(() => {}), after: () => () => {} };
  const effects = { clock, helper: { connect } } as unknown as Effects;
  const options = { effects, socketPath: '/s', startForkServer: async () => {}, idleWorkers, connectDeadlineMs: 1 };
  return { pool: new WorkerPool(options), closed };
}

test('a worker that waits is taken before another one is made', async () => {
  const { pool } = poolOver(2);
  await pool.warm();
  expect([(await pool.take()).pid, (await pool.take()).pid, (await pool.take()).pid]).toEqual([1, 2, 3]);
});

test('a fork server that does not answer in time is seen to, and asked again', async () => {
  let isStuck = true;
  let late = (): void => {};
  const hello = encodeMessage('hello', { version: PROTOCOL_VERSION, pid: 7, role: HELPER_ROLE.worker });
  const connection = {
    ...{ send: async () => {}, sendRaw: async () => {}, end: () => {}, close: () => {} },
    closed: new Promise<void>(() => {}),
    receive: (signal?: AbortSignal) =>
      isStuck
        ? new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
        : Promise.resolve(hello),
  };
  const after = (_ms: number, act: () => void) => {
    late = act;
    return () => {};
  };
  const clock = { sleep: () => new Promise(() => {}), after };
  const effects = { clock, helper: { connect: async () => connection } } as unknown as Effects;
  const startForkServer = async (): Promise<void> => {
    isStuck = false;
  };
  const pool = new WorkerPool({ effects, socketPath: '/s', startForkServer, idleWorkers: 0, connectDeadlineMs: 1 });
  const taken = pool.take();
  await new Promise((resolve) => setTimeout(resolve, 0));
  late();
  expect((await taken).pid).toBe(7);
});

// They die one after the other, and whoever has not died yet takes a launch as if it lived.
test('one that died is replaced by a new one, and those that waited beside it are let go', async () => {
  const { pool, closed } = poolOver(4);
  await pool.warm();
  await pool.take();
  expect((await pool.replace()).pid).toBe(5);
  expect(closed).toEqual([2, 3, 4]);
});
