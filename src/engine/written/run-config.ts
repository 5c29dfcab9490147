import { environment } from '../../image/build/instructions.ts';
import type { JsonObject } from '../../image/json-fields.ts';
import type { ContainerConfig } from '../../model/container-config.ts';

type Said = Pick<
  ContainerConfig,
  'env' | 'entrypoint' | 'command' | 'workdir' | 'user' | 'labels' | 'health' | 'stopSignal'
>;

/**
 * The config of an image with what the caller of a container has said beside it, so that the new image runs as the container
 * did. Secrets are none of it. Pure.
 *
 * @param config `config` of the document of the container's image
 */
export function runConfig(config: JsonObject, said: Said): JsonObject {
  const { env, workdir, user, labels, stopSignal } = said;
  const last = [...new Map(env.map((text) => [pairOf(text)[0], text])).values()];
  const pairs = last.filter((text) => text.includes('=')).map((text) => pairOf(text));
  const gone = last.filter((text) => !text.includes('='));
  return {
    ...config,
    ...command(config, said),
    ...(last.length > 0 && { Env: environment(config, pairs).filter((text) => !gone.includes(pairOf(text)[0])) }),
    ...(workdir !== undefined && { WorkingDir: workdir }),
    ...(user !== undefined && { User: user }),
    ...(Object.keys(labels).length > 0 && { Labels: { ...(config.Labels as JsonObject | undefined), ...labels } }),
    ...(stopSignal !== undefined && { StopSignal: `${stopSignal}` }),
    ...health(said.health),
  };
}

/** An entrypoint of the caller's drops the image's command, as for the container itself. */
function command(config: JsonObject, { entrypoint, command: words }: Said): JsonObject {
  const { Cmd } = config;
  if (entrypoint !== undefined) return { Entrypoint: entrypoint, Cmd: words ?? [] };
  return words === undefined ? (Cmd === undefined ? {} : { Cmd }) : { Cmd: words };
}

const NS_PER_MS = 1e6;

/** What is asked by HTTP or TCP, no image can say. */
function health(said: Said['health']): JsonObject {
  const { check } = said ?? {};
  if (check === 'none') return { Healthcheck: { Test: ['NONE'] } };
  if (check === undefined || !('command' in check)) return {};
  const { intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = said ?? {};
  const times = {
    Interval: intervalMs,
    Timeout: timeoutMs,
    StartPeriod: startPeriodMs,
    StartInterval: startIntervalMs,
  };
  const told = Object.entries(times).flatMap(([name, ms]) => (ms === undefined ? [] : [[name, ms * NS_PER_MS]]));
  return {
    Healthcheck: {
      Test: ['CMD', ...check.command],
      ...Object.fromEntries(told),
      ...(retries !== undefined && { Retries: retries }),
    },
  };
}

function pairOf(text: string): readonly [string, string] {
  const [name = ''] = text.split('=', 1);
  return [name, text.slice(name.length + 1)];
}
