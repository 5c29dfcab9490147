import { spawnSync } from 'node:child_process';
import { BenchAgent } from './agent-client.ts';
import { spreadOf } from './statistics.ts';

/** `isopod run` when no agent is there yet: it starts one, which ends by itself afterwards. */
export async function measureColdStarts(image: string, count: number) {
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const fresh = new BenchAgent();
    const [command, ...options] = fresh.cliArguments;
    const start = performance.now();
    const ended = spawnSync(command ?? '', [...options, 'run', '--rm', image, '/bin/true'], {
      encoding: 'utf8',
      env: { ...process.env, ISOPOD_IDLE_EXIT_SECONDS: '1' },
    });
    samples.push((performance.now() - start) * 1000);
    if (ended.status !== 0) throw new Error(`a cold run ended with ${ended.status}: ${ended.stderr}`);
    await fresh.discard();
  }
  const spread = spreadOf(samples);
  process.stdout.write(`\nisopod run, no agent yet, image to be unpacked  p50 ${(spread.p50 / 1000).toFixed(0)} ms\n`);
  return spread;
}
