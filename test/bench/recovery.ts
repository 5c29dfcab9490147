import type { BenchAgent } from './agent-client.ts';
import { destroyAll, launchMany } from './crowd.ts';
import { type Spread, spreadOf } from './statistics.ts';

/**
 * From kill -9 of the agent to its first answer, with nothing to recover and with many sleeping containers; and the processor time of
 * that agent until then, which says more on a machine with other work.
 */
export async function measureRecovery(
  agent: BenchAgent,
  config: (command: readonly string[]) => object,
  count: number,
  rounds: number,
) {
  const empty = await restarts(agent, rounds);
  const uids = await launchMany(agent, { ...config(['/bin/sleep', '100000']), autoRemove: false }, count);
  const crowded = await restarts(agent, rounds);
  await destroyAll(agent, uids);
  process.stdout.write(
    `\nkill -9 to recovered, ${rounds} times\n${line('no container', empty)}${line(`${count} containers`, crowded)}`,
  );
  return { count, empty, crowded };
}

interface Restarts {
  readonly elapsedMs: Spread;
  readonly processorMs: Spread;
}

async function restarts(agent: BenchAgent, rounds: number): Promise<Restarts> {
  const elapsed: number[] = [];
  const processor: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    agent.kill();
    await agent.start();
    elapsed.push(performance.now() - start);
    processor.push(agent.ownCpuMicroseconds() / 1000);
  }
  return { elapsedMs: spreadOf(elapsed), processorMs: spreadOf(processor) };
}

function line(what: string, { elapsedMs, processorMs }: Restarts): string {
  const shown = ({ p50, p90 }: Spread): string => `p50 ${p50.toFixed(0)} ms, p90 ${p90.toFixed(0)} ms`;
  return `  ${what.padEnd(18)} ${shown(elapsedMs)}; processor ${shown(processorMs)}\n`;
}
