import { expect, test } from 'vitest';
import { ERRNO } from '../linux/errno.ts';
import { workerErrors } from '../linux/helper-worker.ts';
import type { Step } from '../model/wire.ts';
import type { ConnectLayerWorker, LayerWorker } from './layer-store.ts';
import { type StackedLayer, settleLayers } from './settle-layers.ts';

const { signal } = new AbortController();

function stack(...names: readonly string[]): readonly StackedLayer[] {
  return names.map((name) => ({ directory: `/layers/${name}`, fresh: name.startsWith('tmp-') }));
}

/** A worker that keeps the steps, and how many are open. */
function recorder(run: (steps: readonly Step[]) => Promise<void> = async () => {}) {
  const requests: (readonly Step[])[] = [];
  const opened = { now: 0 };
  const refuse = async (): Promise<never> => {
    throw new Error('only steps are run here');
  };
  const connect: ConnectLayerWorker = async () => {
    opened.now++;
    const worker: LayerWorker = {
      run: async (steps) => {
        requests.push(steps);
        await run(steps);
      },
      unpack: refuse,
      enterRoot: refuse,
      measure: refuse,
      close: () => {
        opened.now = 0;
      },
    };
    return worker;
  };
  return { requests, opened, connect };
}

function failing(errno: number): () => Promise<void> {
  return async () => {
    throw workerErrors.stepFailed({ by: 'image store', step: 'settle-layer', detail: 'steps', errno });
  };
}

test('each fresh tree is settled above all below it, the lowest first, in a request of its own', async () => {
  const { requests, opened, connect } = recorder();
  await settleLayers(stack('a', 'tmp-b', 'c', 'tmp-d'), connect, signal);
  expect(requests.map((steps) => steps.map(({ values }) => values))).toEqual([
    [{ tree: '/layers/tmp-b', lower: ['/layers/a'] }],
    [{ tree: '/layers/tmp-d', lower: ['/layers/c', '/layers/tmp-b', '/layers/a'] }],
  ]);
  expect(opened.now).toBe(0);
});

test('nobody is asked where nothing is fresh', async () => {
  const { connect } = recorder();
  await settleLayers(stack('a', 'b'), () => Promise.reject(new Error('asked')), signal);
  await settleLayers([], connect, signal);
});

test('a fork server that knows no such step has left nothing to settle', async () => {
  const { connect } = recorder(failing(Number(ERRNO.ENOSYS)));
  await settleLayers(stack('tmp-a'), connect, signal);
});

test('a tree that could not be settled is told of', async () => {
  const { opened, connect } = recorder(failing(Number(ERRNO.ENOENT)));
  await expect(settleLayers(stack('tmp-a'), connect, signal)).rejects.toMatchObject({
    code: 'helper-worker.stepFailed',
  });
  expect(opened.now).toBe(0);
});

test('who gives up ends the worker, and hears why', async () => {
  const controller = new AbortController();
  const { opened, connect } = recorder(async () => {
    controller.abort(new Error('enough'));
    expect(opened.now).toBe(0);
    throw new Error('the worker is gone');
  });
  await expect(settleLayers(stack('tmp-a'), connect, controller.signal)).rejects.toThrow('enough');
});
