import type { BenchAgent } from './agent-client.ts';
import { run } from './rows.ts';

/** Launches per second, kept up for some seconds, one and sixteen at a time. */
export async function measureRates(agent: BenchAgent, config: object, seconds: number) {
  process.stdout.write('\nlaunches per second, sustained\n');
  const rates = [];
  for (const concurrency of [1, 4, 16]) {
    const end = performance.now() + seconds * 1000;
    let launches = 0;
    const start = performance.now();
    const worker = async (): Promise<void> => {
      while (performance.now() < end) {
        await run(agent, config);
        launches += 1;
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    const perSecond = launches / ((performance.now() - start) / 1000);
    process.stdout.write(`  ${String(concurrency).padStart(2)} at once  ${perSecond.toFixed(0)} per second\n`);
    rates.push({ concurrency, perSecond });
  }
  return rates;
}
