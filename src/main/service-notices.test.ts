import { expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import { type Worker, workerErrors } from '../linux/helper-worker.ts';
import { ServiceNotices } from './service-notices.ts';
import type { ServiceSettings } from './service-settings.ts';

interface Sleep {
  readonly ms: number;
  wake(): void;
}

/** A clock whose sleeps end when told, and a helper that keeps what it was asked to say. */
class Scene {
  readonly said: { readonly state: string; readonly inOurName: boolean }[] = [];
  readonly problems: unknown[] = [];
  readonly sleeps: Sleep[] = [];
  refusal: string | undefined;
  mayUseOurName = true;
  readonly notices: ServiceNotices;

  constructor(settings: ServiceSettings | null = { socket: '/notify', watchdogMs: 60_000 }) {
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.sleeps.push({ ms, wake: resolve });
      });
    const clock: Clock = { sleep, after: () => () => {}, nowMs: () => 0, monotonicMs: () => 0 };
    this.notices = new ServiceNotices({
      clock,
      settings: settings ?? undefined,
      report: (_, error) => this.problems.push(error),
    });
  }

  begin(): void {
    const notify = async (message: { socket: string; inOurName: boolean; state: string }): Promise<void> => {
      const { socket, state, inOurName } = message;
      const errno = inOurName && !this.mayUseOurName ? 'EPERM' : this.refusal;
      if (errno !== undefined) throw workerErrors.notNotified({ socket, errno });
      this.said.push({ state, inOurName });
    };
    this.notices.begin(async () => ({ notify, close: () => {} }) as unknown as Worker);
  }

  /** Lets all go on that waits for nothing but promises. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ends the present sleep. @returns how long it would have been */
  async wake(): Promise<number | undefined> {
    const slept = this.sleeps.pop();
    slept?.wake();
    await this.settle();
    return slept?.ms;
  }

  get states(): readonly string[] {
    return this.said.map(({ state }) => state.replace('\n', ' | '));
  }
}

async function readyScene(): Promise<Scene> {
  const scene = new Scene();
  scene.begin();
  await scene.settle();
  scene.notices.ready(async () => 'fine');
  await scene.settle();
  return scene;
}

test('a long recovery asks for more time again and again, and the end of it is told once', async () => {
  const scene = new Scene();
  scene.begin();
  await scene.settle();
  expect(await scene.wake()).toBe(10_000);
  scene.notices.ready(async () => 'fine');
  await scene.settle();
  const more = 'EXTEND_TIMEOUT_USEC=60000000 | STATUS=finds the containers of the agent before';
  expect(scene.states).toEqual([more, more, 'READY=1 | STATUS=fine']);
});

test('a sign of life comes twice in the time of the watchdog', async () => {
  const scene = await readyScene();
  expect(await scene.wake()).toBe(30_000);
  expect(await scene.wake()).toBe(30_000);
  expect(scene.states.slice(-2)).toEqual(['WATCHDOG=1 | STATUS=fine', 'WATCHDOG=1 | STATUS=fine']);
});

test('no sign of life is sent while the fork server does not answer, which is reported once', async () => {
  const scene = await readyScene();
  const before = scene.said.length;
  scene.refusal = 'ENOENT';
  await scene.wake();
  expect(await scene.wake()).toBe(1_000);
  expect(scene.said.length).toBe(before);
  expect(scene.problems).toHaveLength(1);
  scene.refusal = undefined;
  await scene.wake();
  expect(scene.states.at(-1)).toBe('WATCHDOG=1 | STATUS=fine');
});

test('readiness that could not be told is told later', async () => {
  const scene = new Scene();
  scene.refusal = 'ENOENT';
  scene.begin();
  await scene.settle();
  scene.notices.ready(async () => 'fine');
  await scene.settle();
  scene.refusal = undefined;
  await scene.wake();
  expect(scene.states).toEqual(['READY=1 | STATUS=fine']);
});

test('who may not speak in the name of the agent speaks in its own from then on', async () => {
  const scene = new Scene();
  scene.mayUseOurName = false;
  scene.begin();
  await scene.settle();
  await scene.wake();
  expect(scene.said.map(({ inOurName }) => inOurName)).toEqual([false, false]);
  expect(scene.problems).toEqual([]);
});

test('the end is the last that is told', async () => {
  const scene = await readyScene();
  await scene.notices.stopping();
  await scene.wake();
  expect(scene.states.at(-1)).toMatch(/^STOPPING=1/);
});

test('nothing is said where nobody wants to be told', async () => {
  const scene = new Scene(null);
  scene.begin();
  scene.notices.ready(async () => 'fine');
  await scene.settle();
  await scene.notices.stopping();
  expect(scene.said).toEqual([]);
});
