import { join } from 'node:path';
import type { Callers } from '../base/callers.ts';
import { nodeEffects } from '../base/effects/node-effects.ts';
import type { Effects } from '../base/effects.ts';
import { MetricRegistry } from '../base/metrics.ts';
import type { Tracer } from '../base/tracing.ts';
import type { Engine } from '../engine/facade.ts';
import type { EngineProblem } from '../engine/problem.ts';
import { type LeveledLog, LoggingLevel } from '../faces/agent/diagnostics/logging-level.ts';
import { OperatorApi } from '../faces/agent/operator/api.ts';
import type { AgentVersion } from '../faces/agent/other-routes.ts';
import { RequestJournal } from '../faces/agent/request-journal.ts';
import { type AgentLog, AgentServer } from '../faces/agent/server.ts';
import type { AgentOptions, GlobalOptions } from '../faces/cli/context.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { PROTOCOL_VERSION } from '../model/wire.ts';
import { type AgentAccess, openAgentAccess } from './agent-access.ts';
import { openAgentLog } from './agent-log.ts';
import { AgentWays } from './agent-ways.ts';
import { asyncCallers } from './callers.ts';
import { composeEngine } from './compose-engine.ts';
import type { Layout } from './layout.ts';
import { checkNamespaces } from './namespaces.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { ServiceNotices } from './service-notices.ts';
import { serviceSettings } from './service-settings.ts';
import { checkSocketPaths } from './socket-paths.ts';
import { defaultLauncher, prepareDirectories } from './start-agent.ts';
import { openTracing } from './tracing.ts';
import { VERSION } from './version.ts';

export interface ServeOptions extends GlobalOptions, AgentOptions {
  readonly layout: Layout;
}

const IDLE_POLL_MS = 500;
const DRAIN_MS = 15_000;
const LAST_SPANS_MS = 2_000;

/**
 * Serves as the agent of one root directory until SIGTERM, SIGINT, or long enough without anything to look after.
 *
 * @returns the exit code
 * @throws {EngineError} `main.*` when it cannot serve here
 */
export async function serveAgent(options: ServeOptions): Promise<number> {
  const { root, state } = options;
  const effects = nodeEffects();
  checkSocketPaths(state);
  const launcher = options.launcher ?? defaultLauncher();
  await prepareDirectories(effects, { root, state, launcher });
  const unknown = options.allowNamespaces ? [] : await checkNamespaces(effects.files);
  const callers = asyncCallers();
  const { log, flush, flushNow } = await openAgentLog(effects.files, join(state, 'agent.log'), callers);
  tellCrash(log, flushNow);
  const report = reportTo(log, callers);
  const notices = openNotices(effects, report);
  try {
    log.info({ version: VERSION, root, state }, 'agent starts');
    if (unknown.length > 0) log.warn({ unknown }, 'namespaces of process 1 cannot be read, so they were not compared');
    const metricRegistry = new MetricRegistry();
    addProcessMetrics(metricRegistry, effects.clock, VERSION);
    const tracing = openTracing(process.env, { effects, registry: metricRegistry, report });
    const { tracer } = tracing;
    const access = await openAgentAccess(effects, {
      ...{ root, grants: options.access.grants },
      report: (what, error) => report({ what, error }),
    });
    const ways = new AgentWays(effects, { state, options: options.access, log });
    const server = makeServer(options, { effects, launcher, log, metricRegistry, callers, tracer, access, ways });
    const lockLost = new AbortController();
    const engine = await composeEngine({
      ...chosenOf(options),
      ...{ effects, launcher, metricRegistry, callers, log, tracer, report },
      lockLost: (error) => {
        log.fatal({ err: error }, 'the lock of the root directory is lost');
        lockLost.abort();
      },
      locked: async (workers) => {
        notices.begin(() => workers.freshWorker());
        await access.begin(() => workers.takeWorker());
        await ways.open(server, access.tokens.isAny);
      },
    });
    server.serve(engine);
    log.info({}, 'agent is ready');
    notices.ready(() => statusOf(engine));
    const { idleExitMs } = options;
    const life = { engine, server, idleExitMs, isAwaited: () => isAwaited(options, access), flush };
    const reason = await untilDone(effects, { ...life, lockLost: lockLost.signal });
    log.info({ reason }, 'agent ends');
    // Stop listening first, under the lock: a client that comes now finds nobody and starts a successor.
    ways.close();
    await Promise.all([notices.stopping(), server.close(DRAIN_MS)]);
    await engine.close();
    await tracing.close(LAST_SPANS_MS);
    return 0;
  } catch (error) {
    log.fatal({ err: error }, 'agent failed');
    throw error;
  } finally {
    notices.close();
    flushNow();
  }
}

/** Somebody who only has a token or a certificate could not start another agent. */
function isAwaited({ access: { tcp } }: ServeOptions, { tokens }: AgentAccess): boolean {
  return tcp !== undefined || tokens.isAny;
}

function openNotices(effects: Effects, report: (problem: EngineProblem) => void): ServiceNotices {
  const settings = serviceSettings(process.env, process.pid);
  return new ServiceNotices({ clock: effects.clock, settings, report: (what, error) => report({ what, error }) });
}

/** For a person who looks at the service. */
async function statusOf(engine: Engine): Promise<string> {
  const states = (await engine.list()).map(({ state }) => state);
  return `${states.length} containers, ${states.filter((state) => state === 'running').length} of them run`;
}

/** What the command line says of the engine itself. */
function chosenOf(options: ServeOptions) {
  const { root, state, layout, isolation, cgroupDriver, seccomp, rights, hooksDirectory } = options;
  const { namespacePolicy, netClasses, perfEvents, diskWatchIntervalMs, imageCollection } = options;
  const { registryHostsDirectory, trustPolicy, backend } = options;
  return {
    ...{ root, state, layout, isolation, cgroupDriver, seccomp, rights, hooksDirectory },
    ...{ namespacePolicy, netClasses, perfEvents, diskWatchIntervalMs, imageCollection },
    ...{ registryHostsDirectory, trustPolicy, env: process.env, backend },
  };
}

/** Where no caller waits for an error, the log gets it, with what it was about. */
function reportTo(log: AgentLog, callers: Callers): (problem: EngineProblem) => void {
  return ({ what, uid, error }) => log.warn({ container: uid ?? callers.current()?.container, err: error }, what);
}

/** What ends us by surprise would else be said on a stderr that the next start of an agent empties. */
function tellCrash(log: Awaited<ReturnType<typeof openAgentLog>>['log'], flushNow: () => void): void {
  process.once('uncaughtExceptionMonitor', (error) => {
    log.fatal({ err: error }, 'agent crashed');
    flushNow();
  });
}

function makeServer(
  options: ServeOptions,
  parts: {
    readonly effects: Effects;
    readonly launcher: LauncherKind;
    readonly log: AgentLog & LeveledLog;
    readonly callers: Callers;
    readonly metricRegistry: MetricRegistry;
    readonly tracer: Tracer | undefined;
    readonly access: AgentAccess;
    readonly ways: AgentWays;
  },
): AgentServer {
  const { log, metricRegistry, callers, tracer, access, ways } = parts;
  const { files, clock, helper } = parts.effects;
  const { root, state, layout } = options;
  const { launcher } = parts;
  const about = { version: VERSION, launcher, flags: flagsOf(options, launcher) };
  const logging = new LoggingLevel(clock, log);
  const journal = new RequestJournal({
    ...{ files, clock, directory: `${state}/requests` },
    report: (what, error) => log.warn({ err: error }, what),
  });
  const operator = new OperatorApi({ helper, clock, about, logging, journal });
  const version = versionOf(root, state);
  const tokens = { tokens: access.tokens, openTokenSocket: () => ways.openTokenSocket() };
  const ports = { files, clock, log, version, probe: layout.probe, metricRegistry, callers, tracer, logging, journal };
  return new AgentServer({ ...ports, operator, access, tokens });
}

/** What this agent was told, by the names of its flags. */
function flagsOf(options: ServeOptions, launcher: LauncherKind): Record<string, string> {
  const { root, state, isolation, idleExitMs } = options;
  return {
    ...{ root, state, launcher, 'cgroup-driver': options.cgroupDriver.kind },
    ...(isolation === undefined ? {} : { isolation: isolation.join(',') }),
    ...(idleExitMs === undefined ? {} : { 'idle-exit': `${idleExitMs}ms` }),
  };
}

function versionOf(rootDir: string, stateDir: string): AgentVersion {
  const { pid, versions } = process;
  return { version: VERSION, protocol: PROTOCOL_VERSION, node: versions.node, pid, rootDir, stateDir };
}

async function untilDone(
  effects: Effects,
  life: {
    readonly engine: Engine;
    readonly server: AgentServer;
    readonly idleExitMs: number | undefined;
    readonly isAwaited: () => boolean;
    readonly lockLost: AbortSignal;
    readonly flush: () => void;
  },
): Promise<string> {
  let told: string | undefined;
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      told = signal;
      stop.abort();
    });
  }
  // A shell that closes its terminal is not a reason to leave the containers alone.
  process.on('SIGHUP', () => {});
  const woken = AbortSignal.any([stop.signal, life.lockLost]);
  for (;;) {
    await effects.clock.sleep(IDLE_POLL_MS, woken).catch(() => {});
    life.flush();
    if (told !== undefined) return told;
    if (life.lockLost.aborted) return 'lock lost';
    if (life.isAwaited()) continue;
    if (life.idleExitMs !== undefined && life.engine.isIdle() && life.server.idleMs >= life.idleExitMs) return 'idle';
  }
}
