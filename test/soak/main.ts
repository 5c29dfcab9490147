/**
 * npm run soak [-- --minutes N] [--seed N]
 *
 * Random operations on a real agent, which is killed with SIGKILL and started again all the while; every ten seconds they stand still, and what
 * the agent lists is compared with what callers were told and with the host. Thirty minutes unless told; ends with counts.
 */
import { parseArgs } from 'node:util';
import type { ContainerStatus } from '../../src/engine/facade.ts';
import type { Told } from '../crash/operations.ts';
import { faultsOf, remainsOf } from '../crash/outside.ts';
import { SeededRandom } from '../simulation/scheduler.ts';
import { launch, MAX_CONTAINERS, SOAK_OPERATIONS, type Soaker } from './operations.ts';
import { SoakedAgent } from './soaked-agent.ts';

const MINUTE_MS = 60_000;
const ROUND_MS = 10_000;
const SETTLED_MS = 30_000;
const CLIENTS = 3;
const KILL_EVERY_MS = 3_000;

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: `${Date.now() % 1e9}` } },
});
const random = new SeededRandom(Number(options.seed));
const counts = new Map<string, number>();
const faults: string[] = [];
const recoveriesMs: number[] = [];
const residentKib: number[] = [];
let told: Told[] = [];

function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** As the engine has it: what JSON writes as null is missing there. */
async function list(agent: SoakedAgent): Promise<readonly ContainerStatus[]> {
  const found = await agent.api.expect<readonly ContainerStatus[]>('GET', '/v1/containers');
  return found.map((status) => ({
    ...status,
    pid: status.pid ?? undefined,
    termination: status.termination ?? undefined,
  }));
}

async function actOnce(agent: SoakedAgent, soaker: Soaker): Promise<void> {
  const all = await list(agent);
  const [name, operation] = soaker.random.pick(Object.entries(SOAK_OPERATIONS));
  const isLaunch = all.length === 0 || (all.length < MAX_CONTAINERS && soaker.random.chance(35));
  const what = isLaunch ? 'launch' : all.length >= MAX_CONTAINERS ? 'remove' : name;
  const { uid = '' } = all.length === 0 ? {} : soaker.random.pick(all);
  const chosen = what === 'remove' ? SOAK_OPERATIONS.remove : operation;
  const answer = isLaunch ? await launch(soaker) : await chosen?.(soaker, uid);
  const status = answer?.status ?? 0;
  const { code = status } = (answer?.body ?? {}) as { readonly code?: string };
  count(status < 300 ? what : `${what}, refused: ${code}`);
  // A refusal is an answer; that something of ours broke is none, and a request that no agent takes tries nothing.
  if (status === 500 || status === 400) faults.push(`${what} of ${uid}: ${JSON.stringify(answer?.body)}`);
}

async function client(agent: SoakedAgent, until: number): Promise<void> {
  const own = new SeededRandom(random.next());
  const soaker: Soaker = { api: () => agent.api, random: own, tell: (one) => void told.push(one) };
  while (performance.now() < until) {
    try {
      await actOnce(agent, soaker);
    } catch {
      count('call cut off by a kill');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function killer(agent: SoakedAgent, until: number): Promise<void> {
  while (performance.now() + KILL_EVERY_MS < until) {
    await new Promise((resolve) => setTimeout(resolve, random.below(KILL_EVERY_MS)));
    recoveriesMs.push(await agent.killAndRestart());
    count('kill -9 of the agent');
  }
}

async function check(agent: SoakedAgent): Promise<void> {
  const deadline = performance.now() + SETTLED_MS;
  for (;;) {
    const found = faultsOf(agent, await list(agent), told);
    if (found.length === 0) break;
    if (performance.now() > deadline) {
      faults.push(...found);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  count('checks');
  residentKib.push(agent.residentKib());
  const gone = new Set(told.flatMap((one) => (one.kind === 'removed' ? [one.uid] : [])));
  const uids = new Set((await list(agent)).map(({ uid }) => uid as string));
  told = told.filter((one) => one.kind === 'over' || uids.has(one.uid) || !gone.has(one.uid));
}

const agent = await SoakedAgent.start();
const end = performance.now() + Number(options.minutes) * MINUTE_MS;
try {
  while (performance.now() < end && faults.length === 0) {
    const until = Math.min(end, performance.now() + ROUND_MS);
    await Promise.all([killer(agent, until), ...Array.from({ length: CLIENTS }, () => client(agent, until))]);
    await check(agent);
  }
} catch (error) {
  faults.push(`the soak itself: ${error instanceof Error ? error.stack : String(error)}`);
} finally {
  for (const { uid } of await list(agent)) await agent.api.call('DELETE', `/v1/containers/${uid}?force=true`);
  const deadline = performance.now() + SETTLED_MS;
  while (remainsOf(agent).length > 0 && performance.now() < deadline) await new Promise((go) => setTimeout(go, 50));
  faults.push(...remainsOf(agent));
  await agent.close();
}
const sorted = [...recoveriesMs].sort((a, b) => a - b);
console.log(`seed ${options.seed}, ${options.minutes} minutes`);
for (const [what, times] of [...counts].sort()) console.log(`${what}: ${times}`);
console.log(
  `from a kill to the next answer: median ${sorted[sorted.length >> 1]?.toFixed(0)} ms, most ${sorted.at(-1)?.toFixed(0)} ms`,
);
console.log(`agent: ${Math.min(...residentKib)} to ${Math.max(...residentKib)} KiB resident`);
console.log(`${faults.length} faults`);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
