/**
 * npm run bench [-- --quick] [--containers N] [--seconds N] [--usage] [--checks] [--recovery] [--images] [--memory]
 *
 * Launches in turn: through the agent, the same steps in a bare C program, and the other engines that are installed. Prints medians and
 * ratios of this one run and writes .build/bench.json. `--usage` measures the usage of many containers alone, `--checks` what their checks cost, `--recovery` what finding them again costs, `--images` pulls, `--memory`
 * the agent's memory during a large one.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LaunchPlan } from '../../src/model/launch-plan.ts';
import { hasDockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { BenchAgent } from './agent-client.ts';
import { makeBusyboxLayout } from './busybox-image.ts';
import { measureChecks } from './checks.ts';
import { measureColdStarts } from './cold.ts';
import { measureCrowd, measureUsageAlone } from './crowd.ts';
import { probeAll } from './equal-work.ts';
import { otherEngines } from './other-engines.ts';
import { measureLargePull, measurePulls } from './pulls.ts';
import { measureRates } from './rates.ts';
import { measureRecovery } from './recovery.ts';
import { agentRow, bareRows, commandRow, type Row } from './rows.ts';
import { ratio, spreadOf } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    containers: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '5' },
    usage: { type: 'boolean', default: false },
    checks: { type: 'boolean', default: false },
    recovery: { type: 'boolean', default: false },
    images: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
  },
});
const ROUNDS = options.quick ? 10 : 40;
const BURST = 5;
const SPACED_MS = 25;

const report: Record<string, unknown> = {};
const agent = new BenchAgent();
const docker = hasDockerEngine() ? await startDockerEngine() : undefined;
const others = otherEngines(agent.directory, docker);
try {
  await agent.start();
  const layout = makeBusyboxLayout(join(agent.directory, 'image'));
  const image = `oci:${layout}:latest`;
  await agent.expect('POST', '/v1/images/pull', { reference: image });
  const config = (command: readonly string[]) => ({
    rootfs: { kind: 'image', reference: image },
    command,
    pull: 'never',
    resources: { memoryLimitBytes: 64 << 20, pidsLimit: 64, cpuMillis: 500 },
    autoRemove: true,
  });
  if (options.images) {
    report.pulls = await measurePulls(agent, options.quick ? 3 : 9, docker);
  } else if (options.memory) {
    report.memory = await measureLargePull(agent);
  } else if (options.checks) {
    report.checks = await measureChecks(agent, config, Number(options.containers));
  } else if (options.recovery) {
    report.recovery = await measureRecovery(agent, config, Number(options.containers), options.quick ? 3 : 9);
  } else if (options.usage) {
    const count = Number(options.containers);
    report.crowd = await measureUsageAlone({ agent, config, count, rounds: ROUNDS });
  } else {
    await measureAll(image, config);
  }
} finally {
  await docker?.stop();
  await agent.stop();
  others.release();
}
const output = join(import.meta.dirname, '..', '..', '.build', 'bench.json');
writeFileSync(output, JSON.stringify(report, undefined, 2));
process.stdout.write(`written to ${output}\n`);

async function measureAll(image: string, config: (command: readonly string[]) => object): Promise<void> {
  const plan = (await agent.expect('POST', '/v1/explain', config(['/bin/true']))) as LaunchPlan;
  report.equalWork = await probeAll(agent, config, others.prepare(plan));
  const rows = [
    agentRow('isopod, agent API', agent, 'run', config(['/bin/true'])),
    agentRow('isopod, launch and wait apart', agent, 'launchAndWait', config(['/bin/true'])),
    ...bareRows(plan, agent.directory),
    commandRow('isopod run, from the shell', [
      ...agent.cliArguments,
      'run',
      '--rm',
      '-m',
      '64m',
      '--pids-limit',
      '64',
      '--cpus',
      '0.5',
      image,
      '/bin/true',
    ]),
    ...others.rows(),
  ];
  report.spaced = await measure(`launch to exit, ${SPACED_MS} ms apart`, rows, { count: 1, pauseMs: SPACED_MS });
  report.backToBack = await measure('launch to exit, back to back', rows, { count: BURST, pauseMs: 0 });
  report.rates = await measureRates(agent, config(['/bin/true']), Number(options.seconds));
  report.cold = await measureColdStarts(image, options.quick ? 3 : 8);
  const launchRow = agentRow('isopod, agent API', agent, 'run', config(['/bin/true']));
  const bare = bareRows(plan, agent.directory)[0];
  report.crowd = await measureCrowd({
    agent,
    config,
    rows: [launchRow, bare],
    count: Number(options.containers),
    rounds: ROUNDS,
  });
}

/** Rows in turn, round after round, so that a drift of the machine meets all of them. */
async function measure(
  title: string,
  measured: readonly Row[],
  how: { readonly count: number; readonly pauseMs: number },
) {
  const samples = new Map<string, number[]>(measured.map(({ name }) => [name, []]));
  for (const row of measured) await row.sample(2, 0);
  const cpu = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const row of measured) {
      const before = row.cpuMicroseconds();
      samples.get(row.name)?.push(...(await row.sample(how.count, how.pauseMs)));
      cpu.set(row.name, (cpu.get(row.name) ?? 0) + row.cpuMicroseconds() - before);
      if (how.pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, how.pauseMs));
    }
  }
  process.stdout.write(`\n${title}\n`);
  const ours = samples.get(measured[0]?.name ?? '') ?? [];
  return [...samples].map(([name, values]) => {
    const spread = spreadOf(values);
    const oursToThis = ratio(ours, values);
    const cpuMs = (cpu.get(name) ?? 0) / values.length / 1000;
    process.stdout.write(
      `  ${name.padEnd(34)} p50 ${(spread.p50 / 1000).toFixed(2).padStart(8)} ms   p90 ${(spread.p90 / 1000).toFixed(2).padStart(8)} ms   isopod is × ${oursToThis.toFixed(2)} of it   processor ${cpuMs.toFixed(1).padStart(6)} ms\n`,
    );
    return { name, ...spread, oursToThis, cpuMs };
  });
}
