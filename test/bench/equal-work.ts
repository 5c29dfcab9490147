import { execFileSync } from 'node:child_process';
import type { BenchAgent } from './agent-client.ts';
import type { PreparedEngine } from './other-engines.ts';
import { type Confinement, confinementOf, missingIn, PROBE_SCRIPT } from './probe.ts';

/**
 * Runs the probe under every engine and says where another one does less than ours. Where it does more, the comparison is
 * to its disadvantage; that is printed too.
 *
 * @throws when Isopod's container lacks a namespace of its own or runs with capabilities of the host
 */
export async function probeAll(
  agent: BenchAgent,
  config: (command: readonly string[]) => object,
  engines: readonly PreparedEngine[],
): Promise<Readonly<Record<string, Confinement>>> {
  const ours = confinementOf(runOurs(agent, config));
  if (ours.ownNamespaces.length !== 6)
    throw new Error(`only these namespaces are the container's own: ${ours.ownNamespaces}`);
  const seen: Record<string, Confinement> = { isopod: ours };
  process.stdout.write('equal work, as a probe inside each container sees it\n');
  for (const engine of engines) {
    const theirs = confinementOf(engine.probe(PROBE_SCRIPT));
    seen[engine.name] = theirs;
    process.stdout.write(
      `  ${engine.name}: does not do: ${missingIn(theirs, ours).join(', ') || 'nothing'}; does beyond ours: ${missingIn(ours, theirs).join(', ') || 'nothing'}\n`,
    );
  }
  return seen;
}

function runOurs(agent: BenchAgent, config: (command: readonly string[]) => object): string {
  const { rootfs } = config([]) as { rootfs: { reference: string } };
  const [command, ...options] = agent.cliArguments;
  const limits = ['-m', '64m', '--pids-limit', '64', '--cpus', '0.5'];
  const run = [...options, 'run', '--rm', ...limits, rootfs.reference, '/bin/sh', '-c', PROBE_SCRIPT];
  return execFileSync(command ?? '', run, { encoding: 'utf8' });
}
