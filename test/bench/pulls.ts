import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DEBIAN_IMAGE_PROGRAMS, debianCache, debianImage } from '../support/debian-image.ts';
import type { DockerEngine } from '../support/docker-engine.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import type { BenchAgent } from './agent-client.ts';
import { makeLarge, makeManyFiles } from './pull-images.ts';
import { ratio, spreadOf } from './statistics.ts';

const execute = promisify(execFile);
const LARGE_BYTES = 2 * 2 ** 30;
const SAMPLE_MS = 20;

/** Somebody who pulls and unpacks an image; `forget` makes it as if it had not. */
interface Puller {
  readonly name: string;
  pull(reference: string): Promise<void>;
  forget(reference: string): void | Promise<void>;
}

/** Pulls and unpacks in turn, from one registry. */
export async function measurePulls(
  agent: BenchAgent,
  rounds: number,
  engine: DockerEngine | undefined,
): Promise<unknown> {
  const missing = missingPrograms([...DEBIAN_IMAGE_PROGRAMS, 'skopeo', 'docker-registry']);
  if (missing.length > 0) throw new Error(`pulls are measured with ${missing.join(', ')}, which are not installed`);
  const registry = await startRegistry();
  const cache = debianCache();
  const directory = join(agent.directory, 'pulls');
  mkdirSync(directory);
  try {
    const debian = debianImage(cache.directory);
    const push = (source: string, name: string) => pushTo(registry, source, name);
    const pullers = allPullers(agent, { directory, engine });
    const images = [
      ['a Debian image with python3', push(`oci:${debian.layout}:${debian.tag}`, 'debian')],
      ['20,000 small files in 12 layers', push(makeManyFiles(join(directory, 'many')), 'many')],
    ] as const;
    const report: Record<string, unknown> = {};
    for (const [title, reference] of images) {
      report[title] = await measure(`pull and unpack ${title}`, { pullers, reference, rounds });
    }
    return report;
  } finally {
    await registry.stop();
    // Podman leaves its own directory mounted on itself.
    spawnSync('umount', ['-l', join(directory, 'podman/overlay')]);
    rmSync(directory, { recursive: true, force: true });
    cache.dispose();
  }
}

/** Two gigabytes are pulled: what the agent's memory grows by, and how soon it answers others meanwhile. */
export async function measureLargePull(agent: BenchAgent): Promise<unknown> {
  const registry = await startRegistry();
  const directory = join(agent.directory, 'large');
  try {
    const reference = pushTo(registry, makeLarge(directory, LARGE_BYTES), 'large');
    rmSync(directory, { recursive: true });
    return await measureMemory(agent, reference);
  } finally {
    await registry.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function pushTo(registry: RegistryProgram, source: string, name: string): string {
  const reference = `${registry.host}/${name}:1`;
  execFileSync('skopeo', ['copy', '--quiet', source, '--dest-tls-verify=false', `docker://${reference}`]);
  return reference;
}

async function measure(
  title: string,
  {
    pullers,
    reference,
    rounds,
  }: { readonly pullers: readonly Puller[]; readonly reference: string; readonly rounds: number },
): Promise<unknown> {
  const samples = new Map<string, number[]>(pullers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const puller of pullers) {
      await puller.forget(reference);
      // What others left unwritten is not to be written on this one's time.
      execFileSync('sync');
      const started = performance.now();
      await puller.pull(reference);
      samples.get(puller.name)?.push(performance.now() - started);
    }
  }
  for (const puller of pullers) await puller.forget(reference);
  process.stdout.write(`\n${title}\n`);
  const ours = samples.get(pullers[0]?.name ?? '') ?? [];
  return [...samples].map(([name, values]) => {
    const spread = spreadOf(values);
    const times = ratio(values, ours);
    process.stdout.write(
      `  ${name.padEnd(34)} p50 ${spread.p50.toFixed(0).padStart(7)} ms   p90 ${spread.p90.toFixed(0).padStart(7)} ms   isopod is ${times.toFixed(2)} × as fast\n`,
    );
    return { name, ...spread, times };
  });
}

function allPullers(
  agent: BenchAgent,
  { directory, engine }: { readonly directory: string; readonly engine: DockerEngine | undefined },
): readonly Puller[] {
  return [isopod(agent), skopeoAndUmoci(directory), ...podman(directory), ...docker(engine)];
}

function isopod(agent: BenchAgent): Puller {
  return {
    name: 'isopod pull, agent API',
    pull: async (reference) => {
      await pullByAgent(agent, reference);
    },
    forget: async (reference) => {
      await agent.call('DELETE', `/v1/images/${encodeURIComponent(reference)}`);
    },
  };
}

async function pullByAgent(agent: BenchAgent, reference: string): Promise<void> {
  const last = (await agent.expect('POST', '/v1/images/pull', { reference })) as { readonly image?: object };
  // The last line of the answer is the image.
  if (last.image === undefined) throw new Error(`pulling ${reference} ended with ${JSON.stringify(last)}`);
}

function skopeoAndUmoci(directory: string): Puller {
  const [layout, bundle] = [join(directory, 'layout'), join(directory, 'bundle')] as const;
  return {
    name: 'skopeo copy, umoci unpack',
    pull: async (reference) => {
      await execute('skopeo', [
        'copy',
        '--quiet',
        '--src-tls-verify=false',
        `docker://${reference}`,
        `oci:${layout}:1`,
      ]);
      await execute('umoci', ['unpack', '--image', `${layout}:1`, bundle]);
    },
    forget: () => {
      for (const path of [layout, bundle]) rmSync(path, { recursive: true, force: true });
    },
  };
}

function podman(directory: string): readonly Puller[] {
  if (missingPrograms(['podman']).length > 0) {
    process.stdout.write('  podman is not installed\n');
    return [];
  }
  const policy = join(directory, 'policy.json');
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const storage = ['--root', join(directory, 'podman'), '--runroot', join(directory, 'podman-run')];
  const options = ['--quiet', '--tls-verify=false', '--signature-policy', policy];
  return [
    {
      name: 'podman pull',
      pull: async (reference) => {
        await execute('podman', [...storage, 'pull', ...options, reference]);
      },
      forget: () => {
        spawnSync('podman', [...storage, 'rmi', '--all', '--force']);
      },
    },
  ];
}

/** It takes registries on 127.0.0.1 for insecure ones by itself. */
function docker(engine: DockerEngine | undefined): readonly Puller[] {
  if (engine === undefined) {
    process.stdout.write('  there is no Docker engine\n');
    return [];
  }
  const [command = '', ...words] = engine.command;
  return [
    {
      name: 'docker pull',
      pull: async (reference) => {
        await execute(command, [...words, 'pull', '--quiet', reference]);
      },
      forget: (reference) => {
        spawnSync(command, [...words, 'rmi', '--force', reference]);
      },
    },
  ];
}

/** Resident memory of the agent beyond what it had before, at the most, while it pulls the image. */
async function measureMemory(agent: BenchAgent, reference: string): Promise<unknown> {
  const before = residentBytes(agent.pid, 'VmRSS');
  writeFileSync(`/proc/${agent.pid}/clear_refs`, '5');
  const started = performance.now();
  const pulling = pullByAgent(agent, reference);
  const turns: number[] = [];
  let done = false;
  const watching = (async () => {
    while (!done) {
      const asked = performance.now();
      await agent.expect('GET', '/v1/containers');
      turns.push(performance.now() - asked);
      await sleep(SAMPLE_MS);
    }
  })();
  await pulling.finally(() => {
    done = true;
  });
  await watching;
  const seconds = (performance.now() - started) / 1000;
  const growthBytes = residentBytes(agent.pid, 'VmHWM') - before;
  const answer = spreadOf(turns);
  process.stdout.write(
    `\nmemory of the agent while 2 GB are pulled\n  ${(before / 2 ** 20).toFixed(0)} MiB before, at most ${(growthBytes / 2 ** 20).toFixed(0)} MiB more; ${seconds.toFixed(1)} s; another request meanwhile p50 ${answer.p50.toFixed(1)} ms, p90 ${answer.p90.toFixed(1)} ms\n`,
  );
  return { beforeBytes: before, growthBytes, seconds, answerMs: answer };
}

function residentBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}
