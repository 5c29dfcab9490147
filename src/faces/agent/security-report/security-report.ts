import type { Clock, Files } from '../../../base/effects.ts';
import type { Engine } from '../../../engine/facade.ts';
import { readLogs } from '../../../io/log-reader.ts';
import type { Architecture } from '../../../linux/seccomp/architecture.ts';
import type { ContainerConfig } from '../../../model/container-config.ts';
import type { LaunchPlan } from '../../../model/launch-plan.ts';
import type { SecretValues, Volume } from '../../../model/volume.ts';
import { agentErrors } from '../errors.ts';
import { logSourcesOf } from '../translate.ts';
import { withTimeout } from '../with-timeout.ts';
import { callRows, callWords } from './call-rows.ts';
import { Findings } from './findings.ts';
import { pathRows, pathWords } from './path-rows.ts';
import { processRows } from './process-rows.ts';
import type { ReportRow } from './row.ts';

/** Where the probe stands in a container that has a tree of its own. */
const PROBE_TARGET = '/.isopod-probe-program';
const PROBE_MS = 60_000;
const VOLUMES = 'volume/host_path';
/** The probe prints a line for each call, path and field of its status; a container that prints more is none of ours. */
const MAX_LINES = 20_000;

export interface ReportPorts {
  readonly files: Files;
  readonly clock: Clock;
  /** Host path of the probe. */
  readonly probe: string;
}

/** What is reported on, as a launch is given it. */
export interface ReportedContainer {
  readonly config: ContainerConfig;
  readonly secrets: SecretValues;
}

/**
 * What a container of this config may and may not do: derived from its plan, and tried by a probe that is launched in its
 * place and removed afterwards.
 *
 * @throws {EngineError} what the launch refuses; `agent.probeFailed` when the probe did not get to its end
 */
export async function securityReport(
  ports: ReportPorts,
  engine: Engine,
  { config, secrets, signal }: ReportedContainer & { readonly signal: AbortSignal },
): Promise<readonly ReportRow[]> {
  const planned = await engine.explain(probeConfig(config, ports.probe, []));
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const words = probeWords(planned, architecture);
  const { status } = await engine.launch(probeConfig(config, ports.probe, words), secrets);
  try {
    const plan = await engine.plan(status.uid);
    const waited = (until: AbortSignal) => engine.wait(status.uid, until);
    const end = await withTimeout(waited, { clock: ports.clock, signal, timeoutMs: PROBE_MS });
    const findings = new Findings(await linesOf(ports, engine, status.uid));
    if (!findings.isComplete)
      throw agentErrors.probeFailed({ end: end?.message ?? `still running after ${PROBE_MS} ms` });
    return compareReport({ plan, architecture, findings, hostNamespaces: await hostNamespaces(ports.files) });
  } finally {
    await engine.remove(status.uid, { force: true, volumes: true });
  }
}

/** Plan and findings side by side. Pure. */
export function compareReport(input: {
  readonly plan: LaunchPlan;
  readonly architecture: Architecture;
  readonly findings: Findings;
  readonly hostNamespaces: ReadonlyMap<string, string>;
}): readonly ReportRow[] {
  const { plan, architecture, findings, hostNamespaces: host } = input;
  const rows = [
    ...processRows(plan, findings, host),
    ...callRows(plan, architecture, findings),
    ...pathRows(plan, PROBE_TARGET, findings),
  ];
  const topics = [...new Set(rows.map(({ topic }) => topic))];
  return topics.flatMap((topic) => rows.filter((one) => one.topic === topic));
}

/** What the probe is told to try. */
export function probeWords(plan: LaunchPlan, architecture: Architecture): readonly string[] {
  return [...pathWords(plan, PROBE_TARGET), ...callWords(architecture)];
}

/** The same container with the probe as its command, and nobody at its streams. */
function probeConfig(config: ContainerConfig, probe: string, words: readonly string[]): ContainerConfig {
  const { isolation, terminalSize: _, workdir: __, ...rest } = config;
  const hasOwnTree = config.rootfs.kind !== 'none';
  const volume: Volume = { kind: 'host-path', hostPath: probe, containerPath: PROBE_TARGET, readOnly: true };
  return {
    ...rest,
    name: '',
    entrypoint: [],
    command: [hasOwnTree ? PROBE_TARGET : probe, ...words],
    volumes: hasOwnTree ? [...config.volumes, volume] : config.volumes,
    ...{ terminal: false, stdin: false, owned: false, autoRemove: false },
    log: { format: 'cri', maxBytes: 16 << 20, maxFiles: 2 },
    ...(isolation && { isolation: hasOwnTree ? [...new Set([...isolation, VOLUMES])] : isolation }),
  };
}

async function linesOf(ports: ReportPorts, engine: Engine, uid: string): Promise<readonly string[]> {
  const lines: string[] = [];
  let begun = '';
  for await (const { text, complete, stream } of readLogs(ports, logSourcesOf(await engine.logs(uid)))) {
    if (lines.length === MAX_LINES) break;
    if (stream === 'stderr') continue;
    // A line may come in parts: the monitor writes what it has when the pipe is empty.
    begun += Buffer.from(text).toString();
    if (!complete) continue;
    lines.push(begun);
    begun = '';
  }
  return lines;
}

async function hostNamespaces(files: Files): Promise<ReadonlyMap<string, string>> {
  const names = await files.list('/proc/self/ns');
  const links = await Promise.all(
    names.map(async (name) => [name, await files.readLink(`/proc/self/ns/${name}`)] as const),
  );
  return new Map(links);
}
