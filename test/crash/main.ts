/**
 * npm run test:crash [-- --only NAME] [--sample N] [--shard I/N] [--minutes N]
 *
 * On the real kernel: ends the engine with SIGKILL before each numbered effect of each operation in turn, opens another, and compares what that
 * one lists with what callers were told and with the host. `--sample N` takes N points of each operation, evenly; `--shard 1/4` a quarter of
 * them; after `--minutes` (30 unless told) it stops and says how far it came.
 */
import { parseArgs } from 'node:util';
import { IMAGE_OPERATIONS } from './image-operations.ts';
import { OPERATIONS } from './operations.ts';
import { CrashHost, RECOVERY } from './points.ts';

const MINUTE_MS = 60_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    sample: { type: 'string' },
    shard: { type: 'string', default: '1/1' },
    minutes: { type: 'string', default: '30' },
  },
});
const [part = 1, parts = 1] = options.shard.split('/').map(Number);
const deadline = performance.now() + Number(options.minutes) * MINUTE_MS;
const names = [...Object.keys({ ...OPERATIONS, ...IMAGE_OPERATIONS }), RECOVERY].filter(
  (name) => options.only === undefined || name === options.only,
);

/** Every point, or so many of them, the first and the last among them. */
function pointsOf(count: number): readonly number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const most = Number(options.sample ?? count);
  const stride = Math.max(1, (count - 1) / Math.max(1, most - 1));
  return all.filter((_, index) => Math.floor(index / stride) !== Math.floor((index - 1) / stride));
}

let [met, missed, left] = [0, 0, 0];
const faults: string[] = [];
const host = await CrashHost.make();
try {
  for (const name of names) {
    const effects = await host.effectsOf(name);
    const points = pointsOf(effects.length).filter((_, index) => index % parts === part - 1);
    const before = faults.length;
    for (const point of points) {
      if (performance.now() > deadline) {
        left += 1;
        continue;
      }
      try {
        if (await host.crashBefore(name, point)) met += 1;
        else missed += 1;
      } catch (error) {
        faults.push(`${error instanceof Error ? error.message : String(error)}\n  (about: ${effects[point - 1]})`);
      }
    }
    const found = faults.length - before;
    console.log(`${name}: ${effects.length} effects, ${points.length} points tried, ${found} with faults`);
  }
} finally {
  await host.close();
}
console.log(
  `${met} ends met, ${missed} came too late in a shorter run, ${left} left for want of time, ${faults.length} faults`,
);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 || left > 0 || names.length === 0 ? 1 : 0;
