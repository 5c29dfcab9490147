import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { BackendName } from '../../model/backend.ts';
import { CGROUP_DRIVERS, type CgroupDriverKind, DEFAULT_SLICE, parseCgroupDriver } from '../../model/cgroup-driver.ts';
import { LAUNCHER_KINDS, type LauncherKind } from '../../model/launcher-kind.ts';
import { DEFAULT_NAMESPACE_POLICY, type NamespacePolicy } from '../../model/namespace-policy.ts';
import { type AccessFlags, accessOptionsOf, addAccessFlags } from './access-options.ts';
import { addBackendOption } from './backend-options.ts';
import type { CliContext } from './context.ts';
import { doctorCommand } from './doctor-command.ts';
import { cliErrors } from './errors.ts';
import { explainActualCommand, explainCommand } from './explain-command.ts';
import { parseImageCollection } from './image-upkeep-options.ts';
import { parseIdRange, parseNamespaceKinds } from './namespace-options.ts';
import { parseNetClasses } from './network-limits.ts';
import { addRightsFlags, type RightsFlags, rightsPolicyOf } from './rights-options.ts';
import { addContainerOptions, DEFAULT_DETACH_KEYS } from './run-options.ts';
import type { RunOptions } from './run-request.ts';
import type { Runner } from './runner.ts';
import { parseSeccomp } from './security-options.ts';
import { parseDuration, parseNames } from './values.ts';
import { versionCommand } from './version-command.ts';

interface AgentFlags extends RightsFlags, AccessFlags {
  readonly isolation?: string;
  readonly launcher?: LauncherKind;
  readonly cgroupDriver?: CgroupDriverKind;
  readonly systemdSlice?: string;
  readonly netClsHandles?: string;
  readonly perfEvents?: string;
  readonly diskWatchInterval?: string;
  readonly backend?: BackendName;
  readonly imageGc?: string;
  readonly idleExit?: string;
  readonly seccompProfile?: string;
  readonly hooksDir?: string;
  readonly trustPolicy?: string;
  readonly registryHostsDir?: string;
  readonly allowNamespaces?: boolean;
  readonly userns?: string;
  readonly usernsRange?: string;
  readonly disallowHostNamespaces?: string;
}

/** explain, doctor, agent, version */
export function addHostCommands(program: Command, context: CliContext, run: Runner): void {
  const explain = program.command('explain [image] [command...]');
  addContainerOptions(explain.description('print the launch plan of a run, without running it'))
    .option('--actual <container>', 'what a running container asked for, beside what it has')
    .option('--json', 'JSON')
    .passThroughOptions()
    .action((image: string | undefined, command: string[], flags: RunOptions & { actual?: string }) =>
      run(async (global) => {
        const words = image === undefined ? command : [image, ...command];
        const json = flags.json === true;
        if (flags.actual !== undefined) {
          checkAlone(explain, words);
          return explainActualCommand(context, context.connect(global), { id: flags.actual, json });
        }
        const options = { ...flags, detachKeys: DEFAULT_DETACH_KEYS };
        return explainCommand(context, context.connect(global), { words, options });
      }),
    );

  program
    .command('doctor')
    .description('try what this host can do, say what to do about the rest')
    .option('--json', 'JSON')
    .action(({ json }: { json?: boolean }) =>
      run((global) => doctorCommand(context, context.connect(global), { global, json: json === true })),
    );

  addAgentCommand(program, context, run);

  program
    .command('version')
    .description('print the versions of this program and of the agent')
    .option('--json', 'JSON')
    .action(({ json }: { json?: boolean }) =>
      run((global) => versionCommand(context, context.connect(global), json === true)),
    );
}

function addAgentCommand(program: Command, context: CliContext, run: Runner): void {
  const agent = addNamespacePolicy(addAccessFlags(addRightsFlags(program.command('agent'))));
  addBackendOption(addImagePolicy(agent), 'agent')
    .description('serve as the agent, in the foreground; other commands start one when none is there')
    .option('--isolation <names>', 'isolators that containers may choose from, joined by commas')
    .addOption(
      new Option(
        '--launcher <kind>',
        'linux: namespaces and cgroups, for root; posix: sessions that are looked after, the default for others',
      ).choices(LAUNCHER_KINDS),
    )
    .addOption(
      new Option(
        '--cgroup-driver <driver>',
        'cgroupfs: groups of our own, the default; systemd: a scope for each container, where systemd is the first process',
      ).choices(CGROUP_DRIVERS),
    )
    .option('--systemd-slice <slice>', `slice of the driver systemd that scopes are in; ${DEFAULT_SLICE} unless given`)
    .option(
      '--seccomp-profile <file>',
      'system calls of containers that ask for no profile; unconfined for all of them',
    )
    .option('--hooks-dir <dir>', 'hooks for every container that they match: files as of oci-hooks(5)')
    .option('--net-cls-handles <range>', 'network classes to give out, hexadecimal as in tc: 10:1-ffff')
    .option('--perf-events <names>', 'what cgroups/perf_event counts: cycles,instructions,page-faults')
    .option('--disk-watch-interval <time>', 'how often it is counted what containers keep on disk: 15s')
    .option('--idle-exit <time>', 'end when there was nothing to look after for so long: 30s; 0 for never')
    .option('--allow-namespaces', "serve in other namespaces than the host's first process")
    .action(
      ({ isolation, netClsHandles, perfEvents, idleExit, diskWatchInterval, seccompProfile, ...flags }: AgentFlags) =>
        run(async ({ remote, token: _, ...global }) => {
          if (remote !== undefined) throw cliErrors.agentElsewhere();
          return context.serveAgent({
            ...global,
            access: accessOptionsOf(flags, context.cwd),
            namespacePolicy: namespacePolicyOf(flags),
            rights: rightsPolicyOf(flags),
            hooksDirectory: flags.hooksDir === undefined ? undefined : resolve(context.cwd, flags.hooksDir),
            trustPolicy: flags.trustPolicy === undefined ? undefined : resolve(context.cwd, flags.trustPolicy),
            registryHostsDirectory:
              flags.registryHostsDir === undefined ? undefined : resolve(context.cwd, flags.registryHostsDir),
            isolation: isolation === undefined ? undefined : parseNames('--isolation', isolation),
            launcher: flags.launcher,
            cgroupDriver: parseCgroupDriver(flags.cgroupDriver, flags.systemdSlice),
            seccomp:
              seccompProfile === undefined ? undefined : parseSeccomp('--seccomp-profile', seccompProfile, context.cwd),
            netClasses: netClsHandles === undefined ? undefined : parseNetClasses('--net-cls-handles', netClsHandles),
            perfEvents: perfEvents === undefined ? undefined : parseNames('--perf-events', perfEvents),
            diskWatchIntervalMs: diskIntervalOf(diskWatchInterval),
            backend: flags.backend,
            imageCollection: flags.imageGc === undefined ? undefined : parseImageCollection(flags.imageGc),
            idleExitMs: (idleExit && parseDuration('--idle-exit', idleExit)) || undefined,
            allowNamespaces: flags.allowNamespaces === true || context.env.ISOPOD_ALLOW_NAMESPACES === '1',
          });
        }),
    );
}

function addImagePolicy(agent: Command): Command {
  return agent
    .option('--trust-policy <file>', 'which images are taken, as in containers-policy.json(5); /etc/isopod/policy.json')
    .option(
      '--registry-hosts-dir <dir>',
      "hosts, mirrors and certificates of registries, as containerd's certs.d: /etc/isopod/certs.d",
    )
    .option('--image-gc <policy>', 'collect images that nobody uses: high=85%,low=80%,older-than=720h,keep-newest=3');
}

function addNamespacePolicy(agent: Command): Command {
  return agent
    .addOption(new Option('--userns <mode>', 'what a container gets that says nothing of it').choices(['host', 'auto']))
    .option('--userns-range <first:count>', 'ids of this host for user namespaces; nothing else may use them')
    .option('--disallow-host-namespaces <kinds>', 'kinds that no container may share with the host: pid,ipc,net');
}

function namespacePolicyOf(flags: AgentFlags): NamespacePolicy {
  const { userns, usernsRange, disallowHostNamespaces: disallowed } = flags;
  return {
    ...DEFAULT_NAMESPACE_POLICY,
    ...(usernsRange !== undefined && { idPool: parseIdRange('--userns-range', usernsRange) }),
    ...(userns === 'auto' && { userByDefault: 'auto' }),
    ...(disallowed !== undefined && {
      hostForbidden: parseNamespaceKinds('--disallow-host-namespaces', disallowed),
    }),
  };
}

/** What describes a container means nothing beside one that is there. @throws {EngineError} `cli.actualOfOther` */
function checkAlone(explain: Command, words: readonly string[]): void {
  const said = explain.options.filter((option) => explain.getOptionValueSource(option.attributeName()) === 'cli');
  const beside = said.filter((option) => !['actual', 'json'].includes(option.attributeName()));
  const given = words[0] ?? beside[0]?.long;
  if (given !== undefined) throw cliErrors.actualOfOther({ given });
}

/** @throws {EngineError} `cli.badValue`: without a rest nothing but counting would be done */
function diskIntervalOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const option = '--disk-watch-interval';
  const intervalMs = parseDuration(option, value);
  if (intervalMs < 100) throw cliErrors.badValue({ option, value, wanted: 'a time of 100ms or more' });
  return intervalMs;
}
