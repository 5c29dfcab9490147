import { nodeEffects } from '../base/effects/node-effects.ts';
import type { Engine } from '../engine/facade.ts';
import type { BackendName } from '../model/backend.ts';
import { type CgroupDriverKind, parseCgroupDriver } from '../model/cgroup-driver.ts';
import type { ImageCollectionPolicy } from '../model/image-upkeep.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { DEFAULT_NAMESPACE_POLICY, type NamespacePolicy } from '../model/namespace-policy.ts';
import type { NetClassRange } from '../model/net-class.ts';
import type { RightsPolicy } from '../model/rights-policy.ts';
import type { SeccompChoice } from '../model/security-config.ts';
import { composeEngine } from './compose-engine.ts';
import { installationLayout } from './layout.ts';
import { defaultLauncher, prepareDirectories } from './start-agent.ts';

export type { EngineEvent, EventFilter, EventQuery } from '../engine/event.ts';
export type { ContainerStatus, Engine, Launched, Session, StreamTicket } from '../engine/facade.ts';
export type { LifeOperations, Started, WaitCondition } from '../engine/life-facade.ts';
export type { ContainerRequest } from '../model/check-request.ts';
export type { ContainerConfig, ExecConfig } from '../model/container-config.ts';
export { completeConfig } from '../model/container-request.ts';
export { EngineError, type ErrorKind, isErrorOfKind } from '../model/error.ts';
export { type ExitStatus, shellExitCode, type Termination } from '../model/exit-status.ts';
export type { Image } from '../model/image-config.ts';
export type { LaunchPlan } from '../model/launch-plan.ts';
export type { RegistryCredential } from '../model/registry-credential.ts';
export type { RightsPolicy } from '../model/rights-policy.ts';
export type { SeccompChoice, SecurityConfig } from '../model/security-config.ts';

export interface CreateEngineOptions {
  /** What survives a reboot; default `/var/lib/isopod`. Made when missing. */
  readonly root?: string;
  /** What does not; default `/run/isopod`. Made when missing. */
  readonly state?: string;
  /** Names of the isolators that containers may choose from; default all. */
  readonly isolation?: readonly string[];
  /** Default: `linux` for root, else `posix`. */
  readonly launcher?: LauncherKind;
  /** Default `cgroupfs`: groups of our own; `systemd`: a scope for each container, which systemd knows. */
  readonly cgroupDriver?: CgroupDriverKind;
  /** Of the driver `systemd`; default `isopod.slice`. */
  readonly systemdSlice?: string;
  /** System calls of containers that ask for no profile of their own; default the built-in profile. */
  readonly seccomp?: SeccompChoice;
  /** What containers may have at most, and what they have unless they ask; each has a default. */
  readonly rights?: RightsPolicy;
  /** Hooks for every container that they match, in files as of oci-hooks(5); default none. */
  readonly hooksDirectory?: string;
  /** File that says which images are taken (docs/images/trust.md); default `/etc/isopod/policy.json`, where it is. */
  readonly trustPolicy?: string;
  /** Ids for user namespaces, their default, and what may not be shared with the host; each has a default. */
  readonly namespacePolicy?: Partial<NamespacePolicy>;
  /** Network classes that containers may be given; default none. */
  readonly netClasses?: NetClassRange;
  /** Events that `cgroups/perf_event` counts; the kernel's own unless told. */
  readonly perfEvents?: readonly string[];
  /** Hosts, mirrors and certificates of registries, as of containerd's certs.d; default `/etc/isopod/certs.d`. */
  readonly registryHostsDirectory?: string;
  /** How often it is counted what containers keep on disk; 15 s unless told. */
  readonly diskWatchIntervalMs?: number;
  /** How images become root file systems, of containers that do not say; what works best here unless told. */
  readonly backend?: BackendName;
  /** Images that nobody uses are collected by it; never unless given. */
  readonly imageCollection?: ImageCollectionPolicy;
  /** Told what went wrong where no caller waits; default: a warning of the process. */
  readonly report?: (problem: { readonly what: string; readonly uid?: string; readonly error?: unknown }) => void;
}

/**
 * Opens the engine of a root directory in this process, in place of an agent. `close` lets go of it; containers go on.
 *
 * @throws {EngineError} `main.notRoot`, `main.inUse` when an agent or another program has the root directory
 */
export async function createEngine(options: CreateEngineOptions = {}): Promise<Engine> {
  const { root = '/var/lib/isopod', state = '/run/isopod', report = warn } = options;
  const effects = nodeEffects();
  const launcher = options.launcher ?? defaultLauncher();
  const cgroupDriver = parseCgroupDriver(options.cgroupDriver, options.systemdSlice);
  await prepareDirectories(effects, { root, state, launcher });
  let engine: Engine | undefined;
  engine = await composeEngine({
    root,
    state,
    effects,
    layout: installationLayout(),
    isolation: options.isolation,
    ...{ launcher, cgroupDriver },
    seccomp: options.seccomp,
    rights: options.rights ?? {},
    hooksDirectory: options.hooksDirectory,
    trustPolicy: options.trustPolicy,
    namespacePolicy: { ...DEFAULT_NAMESPACE_POLICY, ...options.namespacePolicy },
    netClasses: options.netClasses,
    ...{ perfEvents: options.perfEvents, diskWatchIntervalMs: options.diskWatchIntervalMs },
    ...{ imageCollection: options.imageCollection, backend: options.backend },
    ...{ registryHostsDirectory: options.registryHostsDirectory, env: process.env },
    report,
    locked: async () => {},
    lockLost: (error) => {
      report({ what: 'the lock of the root directory is lost, the engine is closed', error });
      void engine?.close();
    },
  });
  return engine;
}

function warn({ what, error }: { readonly what: string; readonly error?: unknown }): void {
  process.emitWarning(error instanceof Error ? `${what}: ${error.message}` : what, 'IsopodWarning');
}
