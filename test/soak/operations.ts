import type { Told } from '../crash/operations.ts';
import type { SeededRandom } from '../simulation/scheduler.ts';
import type { AgentApi, Answer } from '../support/agent-api.ts';

/** What an operation needs: the agent of this moment, numbers, and somebody who notes what it was told. */
export interface Soaker {
  readonly api: () => AgentApi;
  readonly random: SeededRandom;
  readonly tell: (told: Told) => void;
}

type Operation = (soaker: Soaker, id: string) => Promise<Answer>;

const COMMANDS = ['exec sleep 1000', 'exec sleep 1000', 'sleep 0.3; exit 7', 'echo hello', 'exec /missing'];
const MEBIBYTE = 1 << 20;
/** More at once would make each check long, and nothing else. */
export const MAX_CONTAINERS = 12;

/** Also in another container. */
export async function launch({ api, random, tell }: Soaker, parent?: string): Promise<Answer> {
  const command = random.pick(COMMANDS);
  const autoRemove = random.chance(25);
  const answer = await api().call('POST', '/v1/containers', {
    ...{ rootfs: { kind: 'none' }, command: ['/bin/sh', '-c', command], autoRemove },
    ...(parent === undefined ? {} : { parent }),
  });
  if (answer.status !== 201) return answer;
  const { uid, pid } = (answer.body as { readonly status: { readonly uid: string; readonly pid: number | null } })
    .status;
  tell({ kind: 'launched', uid, pid: pid ?? 0, autoRemove });
  // What ends by itself may be over at any time, and what lives in another be gone with it.
  if (command !== 'exec sleep 1000' || parent !== undefined) tell({ kind: 'end asked', uid });
  if (parent !== undefined) tell({ kind: 'removal asked', uid });
  return answer;
}

function ending(path: string, body: (random: SeededRandom) => unknown): Operation {
  return ({ api, random, tell }, uid) => {
    tell({ kind: 'end asked', uid });
    return api().call('POST', `/v1/containers/${uid}/${path}`, body(random));
  };
}

/** Another first process, and an end that may come at any time. */
function beginning(path: string, body: () => unknown): Operation {
  return ({ api, tell }, uid) => {
    tell({ kind: 'start asked', uid });
    tell({ kind: 'end asked', uid });
    return api().call('POST', `/v1/containers/${uid}/${path}`, body());
  };
}

async function remove({ api, tell }: Soaker, uid: string): Promise<Answer> {
  tell({ kind: 'removal asked', uid });
  const answer = await api().call('DELETE', `/v1/containers/${uid}?force=true`);
  if (answer.status < 300) tell({ kind: 'removed', uid });
  return answer;
}

async function update({ api, random, tell }: Soaker, uid: string): Promise<Answer> {
  const bytes = random.pick([64, 96, 128]) * MEBIBYTE;
  tell({ kind: 'limit asked', uid, bytes });
  return api().call('POST', `/v1/containers/${uid}/update`, { resources: { memoryLimitBytes: bytes } });
}

const exec: Operation = ({ api, random }, uid) => {
  const command = random.pick(['exec sleep 0.2', 'exit 3', 'exec sleep 1000']);
  return api().call('POST', `/v1/containers/${uid}/exec`, { command: ['/bin/sh', '-c', command] });
};

/** On one container that is there; `launch` is chosen beside them. */
export const SOAK_OPERATIONS: Readonly<Record<string, Operation>> = {
  'nested launch': (soaker, uid) => launch(soaker, uid),
  exec,
  update,
  pause: ({ api }, uid) => api().call('POST', `/v1/containers/${uid}/pause`),
  unpause: ({ api }, uid) => api().call('POST', `/v1/containers/${uid}/unpause`),
  kill: ending('kill', (random) => ({ signal: random.pick([15, 9]) })),
  stop: ending('stop', () => ({ graceMs: 100 })),
  start: beginning('start', () => ({})),
  restart: beginning('restart', () => ({ graceMs: 100 })),
  remove,
};
