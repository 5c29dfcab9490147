import { readdirSync, readFileSync } from 'node:fs';
import type { BenchAgent } from './agent-client.ts';
import type { Row } from './rows.ts';
import { spreadOf } from './statistics.ts';
import { measureUsage } from './usage.ts';

export interface CrowdInput {
  readonly agent: BenchAgent;
  readonly config: (command: readonly string[]) => object;
  /** Launch rows to measure before and in the crowd. */
  readonly rows: readonly Row[];
  readonly count: number;
  readonly rounds: number;
}

const AT_ONCE = 8;

/** Launch, list, recover and destroy with many sleeping containers; and what one of them costs in memory. */
export async function measureCrowd({ agent, config, rows, count, rounds }: CrowdInput) {
  process.stdout.write(`\nwith ${count} containers running\n`);
  const alone = await medians(rows, rounds);
  const agentBefore = residentKib(agent.pid);
  const uids = await launchMany(agent, { ...config(['/bin/sleep', '100000']), autoRemove: false }, count);
  const agentGrowthKib = (residentKib(agent.pid) - agentBefore) / count;
  const monitors = monitorMemoryKib();
  const crowded = await medians(rows, rounds);
  for (const [index, row] of rows.entries()) {
    const growth = (crowded[index] ?? 0) / (alone[index] ?? 1);
    process.stdout.write(
      `  ${row.name.padEnd(34)} p50 ${((crowded[index] ?? 0) / 1000).toFixed(2)} ms, × ${growth.toFixed(2)} of alone\n`,
    );
  }
  const listMs = await timed(() => agent.expect('GET', '/v1/containers'));
  // With the usage of each, as operators ask for it (docs/agent-api.md).
  const operatorListMs = await timed(() => agent.expect('POST', '/api/v1', { type: 'GET_CONTAINERS' }));
  const agentMb = (residentKib(agent.pid) * 1024) / 1e6;
  const usage = await measureUsage(agent, rounds);
  const recoverMs = await timed(async () => {
    agent.kill();
    await agent.start();
    await agent.expect('GET', '/v1/containers');
  });
  const destroyMs = await timed(() => destroyAll(agent, uids));
  process.stdout.write(
    `  memory: monitor ${monitors.pssKib.toFixed(0)} KiB proportional (${monitors.privateKib.toFixed(0)} KiB private), agent ${agentGrowthKib.toFixed(1)} KiB, per container; the agent ${agentMb.toFixed(0)} MB in all\n` +
      `  list ${listMs.toFixed(0)} ms, GET_CONTAINERS ${operatorListMs.toFixed(0)} ms, kill -9 to recovered ${recoverMs.toFixed(0)} ms, destroy all ${destroyMs.toFixed(0)} ms\n`,
  );
  return {
    count,
    alone,
    crowded,
    monitors,
    agentGrowthKib,
    agentMb,
    listMs,
    operatorListMs,
    usage,
    recoverMs,
    destroyMs,
  };
}

/** What the usage of many sleeping containers costs, and nothing else. */
export async function measureUsageAlone({ agent, config, count, rounds }: Omit<CrowdInput, 'rows'>) {
  process.stdout.write(`\nwith ${count} containers running\n`);
  const uids = await launchMany(agent, { ...config(['/bin/sleep', '100000']), autoRemove: false }, count);
  const usage = await measureUsage(agent, rounds);
  await destroyAll(agent, uids);
  return { count, usage };
}

async function medians(rows: readonly Row[], rounds: number): Promise<readonly number[]> {
  const samples = rows.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, row] of rows.entries()) samples[index]?.push(...(await row.sample(2, 0)));
  }
  return samples.map((values) => spreadOf(values).p50);
}

export async function launchMany(agent: BenchAgent, config: object, count: number): Promise<readonly string[]> {
  const uids: string[] = [];
  await inParallel(count, async () => {
    const launched = (await agent.expect('POST', '/v1/containers', config)) as { status: { uid: string } };
    uids.push(launched.status.uid);
  });
  return uids;
}

export async function destroyAll(agent: BenchAgent, uids: readonly string[]): Promise<void> {
  await inParallel(uids.length, (index) =>
    agent.expect('POST', `/v1/containers/${uids[index]}/destroy`, { graceMs: 0 }),
  );
}

async function inParallel(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

/** Means over all monitors: helper processes that have a child which is no helper. */
function monitorMemoryKib(): { readonly monitors: number; readonly pssKib: number; readonly privateKib: number } {
  let monitors = 0;
  let pss = 0;
  let own = 0;
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('isopod-helper')) continue;
      const rollup = readFileSync(`/proc/${entry}/smaps_rollup`, 'utf8');
      monitors += 1;
      pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
      own += Number(/^Private_Dirty:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // A process that ended while we looked.
    }
  }
  return { monitors, pssKib: pss / monitors, privateKib: own / monitors };
}
