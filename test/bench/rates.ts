import type { BenchAgent } from './agent-client.ts';
import { requests } from './rows.ts';

/** Launches per second, kept up for some seconds, one and sixteen at a time. */
export async function measureRates(agent: BenchAgent, config: object, seconds: number) {
  process.stdout.write('\nlaunches per second, sustained\n');
  const rates = [];
  for (const concurrency of [1, 4, 16]) {
    const how = { call: 'run', config, bound: `${seconds}s`, pauseMs: 0 } as const;
    const start = performance.now();
    const clients = await Promise.all(Array.from({ length: concurrency }, () => requests(agent, how)));
    const perSecond = clients.flat().length / ((performance.now() - start) / 1000);
    process.stdout.write(`  ${String(concurrency).padStart(2)} at once  ${perSecond.toFixed(0)} per second\n`);
    rates.push({ concurrency, perSecond });
  }
  return rates;
}
