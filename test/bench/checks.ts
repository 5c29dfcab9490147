import type { BenchAgent } from './agent-client.ts';
import { destroyAll, launchMany } from './crowd.ts';

const INTERVAL_MS = 1_000;
/** For the launches to be over and their first probes, too. */
const SETTLE_MS = 5_000;
const WINDOW_MS = 20_000;

const WAYS = {
  none: undefined,
  tcp: { tcp: { port: 80 } },
  http: { http: { port: 80, path: '/' } },
  command: { command: ['/bin/true'] },
} as const;
type Way = keyof typeof WAYS;

interface Probed {
  readonly health: { readonly probes: readonly { readonly startedAtMs: number; readonly ok: boolean }[] } | null;
}

interface WayResult {
  readonly probesPerSecond: number;
  /** Of the agent, the helper and the containers together, above those that are not checked. */
  readonly cpuMsPerProbe: number;
}

/**
 * What checks cost: so many containers, each a small server, every one of them asked each second, in turn in each way. Processor time is
 * that of all of it, the servers included, without what the same containers take unasked.
 */
export async function measureChecks(agent: BenchAgent, config: (command: readonly string[]) => object, count: number) {
  process.stdout.write(`\n${count} containers, each checked every ${INTERVAL_MS} ms\n`);
  const results: Partial<Record<Way, WayResult>> = {};
  let idleMs = 0;
  for (const way of Object.keys(WAYS) as Way[]) {
    const { cpuMs, probes } = await measureWay(agent, config, { count, way });
    if (way === 'none') idleMs = cpuMs;
    const probesPerSecond = (probes * 1_000) / WINDOW_MS;
    const cpuMsPerProbe = probes === 0 ? 0 : (cpuMs - idleMs) / probes;
    results[way] = { probesPerSecond, cpuMsPerProbe };
    process.stdout.write(
      `  ${way.padEnd(8)} ${probesPerSecond.toFixed(0).padStart(5)} probes a second, ${cpuMsPerProbe.toFixed(3)} ms of processor each, ` +
        `${((100 * cpuMs) / WINDOW_MS).toFixed(0)} % of a processor in all\n`,
    );
  }
  return { count, intervalMs: INTERVAL_MS, ...results };
}

async function measureWay(
  agent: BenchAgent,
  config: (command: readonly string[]) => object,
  { count, way }: { readonly count: number; readonly way: Way },
): Promise<{ readonly cpuMs: number; readonly probes: number }> {
  const check = WAYS[way];
  const health = check === undefined ? {} : { health: { check, intervalMs: INTERVAL_MS, timeoutMs: 30_000 } };
  const server = config(['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/etc']);
  const uids = await launchMany(agent, { ...server, ...health, network: 'none', autoRemove: false }, count);
  await sleep(SETTLE_MS);
  const before = agent.cpuMicroseconds();
  await sleep(WINDOW_MS);
  const cpuMs = (agent.cpuMicroseconds() - before) / 1_000;
  const all = (await agent.expect('GET', '/v1/containers')) as readonly Probed[];
  await destroyAll(agent, uids);
  // From the last ones of each: what was kept is too little for the whole time.
  const probes = all.reduce((sum, { health: found }) => sum + rateOf(found?.probes ?? []) * WINDOW_MS, 0);
  return { cpuMs, probes };
}

/** Probes in a millisecond. */
function rateOf(probes: readonly { readonly startedAtMs: number }[]): number {
  const [first, last] = [probes[0], probes.at(-1)];
  if (first === undefined || last === undefined || last.startedAtMs <= first.startedAtMs) return 0;
  return (probes.length - 1) / (last.startedAtMs - first.startedAtMs);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
