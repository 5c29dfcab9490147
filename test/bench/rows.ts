import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LaunchPlan } from '../../src/model/launch-plan.ts';
import { step } from '../../src/model/wire.ts';
import { encodeMessage } from '../../src/model/wire-codec.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import type { BenchAgent } from './agent-client.ts';

const execute = promisify(execFile);
const BUILD = join(import.meta.dirname, '..', '..', '.build');

/** One thing that is timed: `sample` launches `count` times, `pauseMs` apart, and gives microseconds. */
export interface Row {
  readonly name: string;
  sample(count: number, pauseMs: number): Promise<readonly number[]>;
  /** Microseconds of processor that all samples so far took, kernel threads left out. */
  cpuMicroseconds(): number;
}

/** `run`: one request, which is answered at the end. `launchAndWait`: two. */
export type AgentCall = 'run' | 'launchAndWait';

/** A launch through the agent's API, from the request to the known exit status, by a small C program as client. */
export function agentRow(name: string, agent: BenchAgent, call: AgentCall, config: object): Row {
  return {
    name,
    cpuMicroseconds: () => agent.cpuMicroseconds(),
    sample: (count, pauseMs) => requests(agent, { call, config, bound: String(count), pauseMs }),
  };
}

/**
 * Launches one after the other on one connection. Rejects when a command did not exit with 0.
 *
 * @param how.bound so many, or `5s` for as many as there is time for
 * @returns microseconds of each
 */
export async function requests(
  agent: BenchAgent,
  how: { readonly call: AgentCall; readonly config: object; readonly bound: string; readonly pauseMs: number },
): Promise<readonly number[]> {
  const { call, config, bound, pauseMs } = how;
  const words = [join(agent.state, 'agent.sock'), bound, String(pauseMs)];
  words.push(call === 'run' ? '/v1/runs' : '/v1/containers', JSON.stringify(config));
  if (call === 'launchAndWait') words.push('/v1/containers/{}/wait');
  const { stdout } = await execute(join(BUILD, 'bench-request'), words, { maxBuffer: 1 << 24 });
  return stdout.trim().split('\n').map(Number);
}

/** A command timed as a whole by a small C program. */
export function commandRow(name: string, command: readonly string[]): Row {
  let cpu = 0;
  return {
    name,
    cpuMicroseconds: () => cpu,
    sample: async (count, pauseMs) => {
      const { stdout } = await execute(join(BUILD, 'bench-timed'), [String(count), String(pauseMs), ...command]);
      return stdout
        .trim()
        .split('\n')
        .map((line) => {
          const [microseconds, code, used] = line.split(' ');
          cpu += Number(used);
          if (code !== '0') throw new Error(`${name} ended with ${code}: ${command.join(' ')}`);
          return Number(microseconds);
        });
    },
  };
}

/** The same steps, one after the other, in one C program: to the exit status, and with cleanup. */
export function bareRows(plan: LaunchPlan, directory: string): readonly [Row, Row] {
  const stateDirectory = join(directory, 'state', 'c', plan.uid);
  const launch = join(directory, 'launch.bin');
  const cleanup = join(directory, 'cleanup.bin');
  const directories = [join(directory, 'root', 'containers', plan.uid, 'sandbox')];
  const tickets = { controlTicket: new Uint8Array(16), ownerTicket: new Uint8Array(0) };
  const channel = { stateDirectory, socketPath: '', directories, ...tickets };
  writeFileSync(launch, encodeMessage('launch', encodeLaunch(plan, channel)).payload);
  writeFileSync(cleanup, encodeMessage('run', { hostSteps: cleanupSteps(plan, directory) }).payload);
  const measured = (name: string, column: number): Row => {
    let cpu = 0;
    const sample = async (count: number, pauseMs: number) => {
      const { stdout } = await execute(join(BUILD, 'bench-bare'), [launch, cleanup, String(count), String(pauseMs)]);
      return stdout
        .trim()
        .split('\n')
        .map((line) => {
          const columns = line.split(' ').map(Number);
          cpu += columns[2] ?? 0;
          return columns[column] ?? Number.NaN;
        });
    };
    return { name, sample, cpuMicroseconds: () => cpu };
  };
  return [measured('bare C, to exit status', 0), measured('bare C, with cleanup', 1)];
}

function cleanupSteps(plan: LaunchPlan, directory: string) {
  const by = 'bench';
  const groups = new Set([join(plan.tracking.path, '..'), ...plan.cgroups.map(({ path }) => path)]);
  const own = [...groups].filter((path) => path.endsWith(plan.uid));
  return [
    ...own.map((path) => step(by, 'remove-cgroup', { path, deadlineMs: 2000 })),
    step(by, 'remove-tree', { directory: join(directory, 'root', 'containers'), name: plan.uid }),
    step(by, 'remove-tree', { directory: join(directory, 'state', 'c'), name: plan.uid }),
  ];
}
