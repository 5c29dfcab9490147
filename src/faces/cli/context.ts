import type { LocalArchive } from '../../base/local-archive.ts';
import type { GrantRule } from '../../model/access.ts';
import type { BackendName } from '../../model/backend.ts';
import type { CgroupDriver } from '../../model/cgroup-driver.ts';
import type { ImageCollectionPolicy } from '../../model/image-upkeep.ts';
import type { LauncherKind } from '../../model/launcher-kind.ts';
import type { NamespacePolicy } from '../../model/namespace-policy.ts';
import type { NetClassRange } from '../../model/net-class.ts';
import type { RightsPolicy } from '../../model/rights-policy.ts';
import type { SeccompChoice } from '../../model/security-config.ts';
import type { AgentClient } from './agent-client.ts';
import type { RemoteAgent } from './remote-agent.ts';

/** Values of the options that stand before the command. */
export interface GlobalOptions {
  readonly root: string;
  readonly state: string;
  /** Another agent than that of the directories; `undefined` for theirs. */
  readonly remote?: RemoteAgent | undefined;
  readonly token?: string | undefined;
}

/** What the composition root gives to the commands. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Made at its first use: reading it costs time, and most commands never read input. */
  readonly stdin: () => NodeJS.ReadStream;
  /** Makes the terminal on standard input raw in both directions; Node's own raw mode does so for input only. */
  rawTerminal(): Promise<void>;
  /** Runs a short program of the caller's, a credential helper, on an input; bounded in time. */
  runWithInput(
    program: string,
    words: readonly string[],
    input: string,
  ): Promise<{ readonly code: number; readonly stdout: string } | 'missing' | 'late'>;
  /** The directories of a user other than root, who may not use the ordinary ones. */
  readonly ownDirectories: GlobalOptions | undefined;
  /** The caller's own files, for copies. */
  readonly localFiles: LocalArchive;
  connect(options: GlobalOptions): AgentClient;
  /** Serves as the agent, in the foreground, until it is told to stop. @returns the exit code */
  serveAgent(options: GlobalOptions & AgentOptions): Promise<number>;
  /** Facts about this host that need no agent, for `doctor`. */
  hostChecks(options: GlobalOptions): Promise<readonly HostCheck[]>;
}

/** Who may use an agent, and which ways lead to it. */
export interface AgentAccessOptions {
  /** Permission bits of its socket. */
  readonly socketMode: number;
  /** Group of its socket, by name or number; `undefined` for that of the agent. */
  readonly socketGroup: string | undefined;
  readonly grants: readonly GrantRule[];
  /** `undefined`: it listens on no port. */
  readonly tcp: AgentPort | undefined;
}

/** A port, which nobody uses without a certificate. */
export interface AgentPort {
  readonly host: string;
  readonly port: number;
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthority: string;
}

export interface AgentOptions {
  readonly access: AgentAccessOptions;
  /** Names of the isolators that containers may choose from; `undefined` for all. */
  readonly isolation: readonly string[] | undefined;
  /** `undefined`: `linux` for root, else `posix`. */
  readonly launcher: LauncherKind | undefined;
  readonly cgroupDriver: CgroupDriver;
  /** For containers that ask for no profile; `undefined` for ours. */
  readonly seccomp: SeccompChoice | undefined;
  /** Capabilities and no_new_privs of every container. */
  readonly rights: RightsPolicy;
  /** Hooks for every container that they match; `undefined` for none. */
  readonly hooksDirectory: string | undefined;
  /** File that says which images are taken; `undefined` for the default one, where there is one. */
  readonly trustPolicy: string | undefined;
  readonly namespacePolicy: NamespacePolicy;
  /** Network classes that containers may be given. */
  readonly netClasses: NetClassRange | undefined;
  /** Events that `cgroups/perf_event` counts; the kernel's own unless told. */
  readonly perfEvents: readonly string[] | undefined;
  /** Says which hosts and certificates registries have, in containerd's format; `undefined` for the usual place. */
  readonly registryHostsDirectory: string | undefined;
  /** How often it is counted what containers keep on disk; `undefined` for the usual. */
  readonly diskWatchIntervalMs: number | undefined;
  /** How images become root file systems, of containers that do not say; `undefined` for what works best here. */
  readonly backend: BackendName | undefined;
  /** Images that nobody uses are collected by it; `undefined` for never. */
  readonly imageCollection: ImageCollectionPolicy | undefined;
  /** Milliseconds without anything to look after until the agent ends; `undefined` for never. */
  readonly idleExitMs: number | undefined;
  readonly allowNamespaces: boolean;
}

/** One thing that was tried on this host. */
export interface HostCheck {
  readonly what: string;
  readonly ok: boolean;
  /** What was found, or why it failed. */
  readonly found: string;
  readonly remedy?: string;
  /** It is good to have, and nothing is wrong without it. */
  readonly extra?: true;
  /** It is for an agent that root runs, which this user is not: what is missing of it is told, and nothing is wrong. */
  readonly forRoot?: true;
}

/** A line to standard output, whole. */
export function printLine(context: Pick<CliContext, 'stdout'>, line: string): void {
  context.stdout.write(`${line}\n`);
}
