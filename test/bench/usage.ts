import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { BenchAgent } from './agent-client.ts';
import { ratio, spreadOf } from './statistics.ts';

/** What the agent reads of each container, where the host has it: the groups of v1, those of v2, the pressure, the network. */
const GROUP_FILES = [
  ...['cpu/cpu.stat', 'cpuacct/cpuacct.usage', 'cpuacct/cpuacct.stat', 'memory/memory.usage_in_bytes'],
  ...['memory/memory.stat', 'pids/pids.current'],
  ...['/cpu.stat', '/memory.current', '/memory.stat', '/pids.current', '/io.stat'],
  ...['cpu', 'memory', 'io'].flatMap((resource) => [`/${resource}.pressure`, `unified/${resource}.pressure`]),
];

interface Running {
  readonly uid: string;
  readonly pid: number;
}

/**
 * Usage of all containers in turn: through the agent, as `isopod stats --json` from the shell, and the same files read
 * one by one in this process, with nothing made of them.
 */
export async function measureUsage(agent: BenchAgent, rounds: number) {
  const running = (await agent.expect('GET', '/v1/containers')) as readonly Running[];
  const files = running.flatMap((container) => filesOf(agent.instance, container));
  const [command, ...options] = agent.cliArguments;
  const rows = {
    agent: async () => void (await agent.expect('GET', '/v1/stats')),
    shell: async () => void execFileSync(command ?? '', [...options, 'stats', '--json'], { maxBuffer: 1 << 30 }),
    'one by one': async () => {
      for (const file of files) readFileSync(file, 'utf8');
    },
  };
  const samples = { agent: [] as number[], shell: [] as number[], 'one by one': [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const name of ['agent', 'shell', 'one by one'] as const) {
      const start = performance.now();
      await rows[name]();
      samples[name].push(performance.now() - start);
    }
  }
  const read = {
    agent: spreadOf(samples.agent),
    shell: spreadOf(samples.shell),
    bare: spreadOf(samples['one by one']),
  };
  const toBare = ratio(samples.agent, samples['one by one']);
  process.stdout.write(
    `  usage of all: ${read.agent.p50.toFixed(0)} ms (least ${Math.min(...samples.agent).toFixed(0)}), from the shell ${read.shell.p50.toFixed(0)} ms; ` +
      `the ${files.length} files alone, one by one, ${read.bare.p50.toFixed(0)} ms: × ${toBare.toFixed(2)} of it\n`,
  );
  return { ...read, files: files.length, toBare };
}

function filesOf(instance: string, { uid, pid }: Running): readonly string[] {
  const groups = GROUP_FILES.map((file) => {
    const [controller = '', name = ''] = file.split('/');
    return `/sys/fs/cgroup/${controller}/${instance}/containers/${uid}/${name}`;
  });
  return [...groups.filter((file) => existsSync(file)), `/proc/${pid}/net/dev`];
}
