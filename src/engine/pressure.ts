import { type PressureTrigger, parsePressure, pressureFile } from '../linux/pressure.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { PressureEvent } from './facade.ts';
import type { EngineHost } from './host.ts';
import { isAlive } from './state.ts';

const pressureErrors = defineErrors('pressure', {
  badWindow: {
    kind: 'invalid-argument',
    message: (d: { windowUs: number; leastUs: number; mostUs: number }) =>
      `a window of ${d.windowUs} µs is not within ${d.leastUs} and ${d.mostUs}`,
  },
  badStall: {
    kind: 'invalid-argument',
    message: (d: { stallUs: number; windowUs: number }) =>
      `${d.stallUs} µs of waiting do not fit into a window of ${d.windowUs} µs`,
    remedy: () => 'give less than the window, and more than nothing',
  },
});

/** kernel/sched/psi.c */
const WINDOW_US = { least: 500_000, most: 10_000_000 } as const;

/**
 * Tells each time the processes of a container have waited for a resource as the trigger says, beginning with how things
 * stand. What the reader is too slow for is counted in the next event, so one event at most waits for it.
 *
 * @returns once it is watched; the iteration ends with the container, the signal or the engine
 * @throws {EngineError} `pressure.*`, `engine.notRunning`, `launcher.noPressure`; out of the iteration
 *   `launcher.watcherGone` (unavailable)
 */
export async function subscribePressure(
  host: EngineHost,
  container: Container,
  { trigger, signals }: { readonly trigger: PressureTrigger; readonly signals: readonly AbortSignal[] },
): Promise<AsyncIterable<PressureEvent>> {
  checkTrigger(trigger);
  const { uid, state } = container;
  if (!isAlive(state)) throw engineErrors.notRunning({ uid, state, wanted: 'pressure' });
  let times = 0;
  let wake: () => void = () => {};
  const watch = await host.launcher.watchPressure(uid, trigger, () => {
    times += 1;
    wake();
  });
  let failure: unknown;
  let isOver = false;
  const end = (error?: unknown): void => {
    isOver = true;
    failure = error;
    watch.stop();
    wake();
  };
  void watch.over.then(() => end(), end);
  void container.ended.then(() => end());
  for (const signal of signals) {
    if (signal.aborted) end();
    signal.addEventListener('abort', () => end(), { once: true });
  }
  return events();

  async function* events(): AsyncGenerator<PressureEvent> {
    try {
      yield await eventOf(host, container, { trigger, times: 0 });
      for (;;) {
        if (times > 0) {
          const told = times;
          times = 0;
          yield await eventOf(host, container, { trigger, times: told });
        } else if (isOver) break;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      watch.stop();
    }
    if (failure !== undefined) throw failure;
  }
}

async function eventOf(
  host: EngineHost,
  { uid }: Container,
  { trigger: { resource, kind }, times }: { readonly trigger: PressureTrigger; readonly times: number },
): Promise<PressureEvent> {
  const path = host.launcher.trackingGroup(uid)?.path;
  const event = { uid, resource, kind, times, atMs: host.effects.clock.nowMs() };
  try {
    return {
      ...event,
      pressure: parsePressure(await host.effects.files.readText(`${path}/${pressureFile(resource)}`)),
    };
  } catch (error) {
    // The group is gone with the container; that it waited is true all the same.
    if (['ENOENT', 'ENODEV'].includes(systemErrorCode(error) ?? '')) return { ...event, pressure: undefined };
    throw error;
  }
}

function checkTrigger({ stallUs, windowUs }: PressureTrigger): void {
  const { least: leastUs, most: mostUs } = WINDOW_US;
  if (windowUs < leastUs || windowUs > mostUs) throw pressureErrors.badWindow({ windowUs, leastUs, mostUs });
  if (stallUs <= 0 || stallUs > windowUs) throw pressureErrors.badStall({ stallUs, windowUs });
}
