import { formatDeviceRule } from '../../model/devices.ts';
import type { ImageRecipe, LaunchPlan, LayerImage } from '../../model/launch-plan.ts';
import type { AgentClient } from './agent-client.ts';
import { containerPath } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { table } from './format.ts';
import { containerRequestOf, type RunOptions } from './run-request.ts';

/** A plan, and what its filter of system calls does. */
type Explanation = LaunchPlan & {
  readonly seccompRules: readonly { readonly outcome: string; readonly calls: readonly string[] }[];
};

interface ActualJson {
  readonly uid: string;
  readonly state: string;
  readonly observations: readonly {
    readonly what: string;
    readonly by: string;
    readonly asked: string;
    readonly is: string;
    readonly agrees: boolean;
  }[];
}

/** `isopod explain`: the plan of a run that is not run. */
export async function explainCommand(
  context: CliContext,
  client: AgentClient,
  { words, options }: { readonly words: readonly string[]; readonly options: RunOptions },
): Promise<number> {
  const request = { ...containerRequestOf(words, options, context), pull: options.pull };
  const plan = await client.call<Explanation>('POST', '/v1/explain', request);
  if (options.json === true) printLine(context, JSON.stringify(plan, undefined, 2));
  else context.stdout.write(planText(plan));
  return 0;
}

/** `isopod explain --actual`: what was asked beside what is. @returns 1 when something differs */
export async function explainActualCommand(
  context: CliContext,
  client: AgentClient,
  { id, json }: { readonly id: string; readonly json: boolean },
): Promise<number> {
  const actual = await client.call<ActualJson>('GET', `${containerPath(id)}/actual`);
  if (json) printLine(context, JSON.stringify(actual, undefined, 2));
  else if (actual.observations.length === 0)
    printLine(context, `${actual.uid} is ${actual.state}: it has no process to look at`);
  else {
    const rows = actual.observations.map(({ what, by, asked, is, agrees }) => [
      agrees ? 'ok' : 'DIFFERS',
      what,
      by,
      asked,
      is,
    ]);
    context.stdout.write(table(['', 'WHAT', 'ASKED BY', 'ASKED', 'IS'], rows));
  }
  return actual.observations.every(({ agrees }) => agrees) ? 0 : 1;
}

/** A plan for a person to read: one line an item, with the isolator that wants it. */
function planText(plan: Explanation): string {
  const rows: (readonly [string, string, string])[] = [
    ['isolators', plan.isolators.join(' '), 'engine'],
    ...namespaceRows(plan),
    ...rootfsRows(plan),
    ...plan.mounts.map(({ mount, by }) => ['mount', mountText(mount), by] as const),
    ...plan.maskedPaths.map(({ path, by }) => ['masked path', path, by] as const),
    ...plan.readOnlyPaths.map(({ path, by }) => ['read-only path', path, by] as const),
    ...(plan.cgroupView === undefined
      ? []
      : [['own groups', plan.cgroupViewWritable ? 'writable' : 'read-only', plan.cgroupView.by] as const]),
    ...(plan.deviceNodes?.value ?? []).map(
      ({ path, kind, major, minor }) =>
        ['device', `/dev/${path}, ${kind} ${major}:${minor}`, plan.deviceNodes?.by ?? ''] as const,
    ),
    ...(plan.deviceRules?.value ?? []).map(
      (rule) => ['may do with devices', formatDeviceRule(rule), plan.deviceRules?.by ?? ''] as const,
    ),
    ...(plan.diskQuota === undefined
      ? []
      : [['disk quota', diskQuotaText(plan.diskQuota), plan.diskQuota.by] as const]),
    ['tracking', trackingText(plan.tracking), 'launcher'],
    ...plan.cgroups.flatMap(({ path, counters }) =>
      (counters?.events ?? []).map((event) => ['counter', `${event} of ${path}`, counters?.by ?? ''] as const),
    ),
    ...plan.cgroups.flatMap(({ path, knobs }) =>
      knobs.map(({ file, value, by }) => ['cgroup knob', `${path}/${file} = ${value.trim()}`, by] as const),
    ),
    ...plan.cgroupJoins.map(({ path, version, by }) => ['join cgroup', `v${version} ${path}`, by] as const),
    ...hookRows(plan),
    ...processRows(plan),
    ...seccompRows(plan),
  ];
  return table(
    ['WHAT', 'ASKED BY', 'VALUE'],
    rows.map(([what, value, by]) => [what, by, value]),
  );
}

function trackingText({ version, path }: LaunchPlan['tracking']): string {
  return version === 'none' ? 'by its monitor' : `cgroup v${version} ${path}`;
}

function namespaceRows(plan: LaunchPlan): readonly (readonly [string, string, string])[] {
  const { namespaces, joins = [], userNamespace: user, timeOffsets: time } = plan;
  const ids = (map: readonly { container: number; host: number; count: number }[]): string =>
    map.map(({ container, host, count }) => `${container}:${host}:${count}`).join(' ');
  const files = { idmapped: 'shown by idmapped mounts, nothing is chowned', shifted: 'a copy with other owners' };
  return [
    ...namespaces.map(({ kind, by }) => ['namespace', kind, by] as const),
    ...joins.map(({ kind, of, by }) => ['namespace', `${kind} of container ${of.container}`, by] as const),
    ...(user === undefined
      ? []
      : ([
          ['  user ids', ids(user.uids), user.by],
          ['  group ids', ids(user.gids), user.by],
          ['  files', files[user.files], user.by],
        ] as const)),
    ...(time === undefined
      ? []
      : [['  clocks', `monotonic ${time.monotonicNs / 1e9} s, boottime ${time.boottimeNs / 1e9} s`, time.by] as const]),
  ];
}

function rootfsRows({ rootfs, readOnlyRootfs }: LaunchPlan): readonly (readonly [string, string, string])[] {
  if (rootfs === undefined) return [['rootfs', "the host's own", 'engine']];
  const { recipe, by } = rootfs;
  const access = readOnlyRootfs === undefined ? '' : ', read-only';
  if (recipe.kind === 'directory') return [['rootfs', `directory ${recipe.path}${access}`, by]];
  const rows = recipeRows(recipe).map(([what, value]) => [what, value, by] as const);
  const [[what, value] = ['rootfs', '']] = rows;
  const because = recipe.because === undefined ? [] : [['  because', recipe.because, 'engine'] as const];
  return [[what, `${value}${access}`, by], ...because, ...rows.slice(1)];
}

function recipeRows(recipe: ImageRecipe): readonly (readonly [string, string])[] {
  switch (recipe.kind) {
    case 'overlay':
      return [
        ['rootfs', `overlay of ${recipe.lowerDirs.length} layers`],
        ...recipe.lowerDirs.map((path) => ['  layer', path] as const),
        ['  upper', recipe.upperDir ?? 'none'],
      ];
    case 'erofs':
      return [
        ['rootfs', `overlay of ${recipe.layers.length} layers as erofs images`],
        ...recipe.layers.map((layer) => ['  layer', layerImageText(layer)] as const),
        ['  upper', recipe.upperDir],
      ];
    case 'copy':
      return [
        ['rootfs', `copy of ${recipe.lowerDirs.length} layers`],
        ...recipe.lowerDirs.map((path) => ['  layer', path] as const),
        ['  tree', recipe.path],
      ];
    case 'bind':
      return [['rootfs', `layer ${recipe.path} itself`]];
  }
}

/** An image of a layer, with the digest that the kernel holds what it reads of it against. */
export function layerImageText({ file, verity, isToBeMade }: LayerImage): string {
  if (verity !== undefined) return `${file}, sealed ${verity}`;
  return isToBeMade === true ? `${file}, made and sealed, where that can be, by the launch` : `${file}, not sealed`;
}

function hookRows({ hooks }: LaunchPlan): readonly (readonly [string, string, string])[] {
  return Object.entries(hooks?.value ?? {}).flatMap(([point, list]) =>
    list.map(({ path, timeoutMs }) => ['hook', `${point}: ${path}, ${timeoutMs / 1000} s`, hooks?.by ?? ''] as const),
  );
}

function processRows(plan: LaunchPlan): readonly (readonly [string, string, string])[] {
  const { hostname, loopback, credentials, capabilities, noNewPrivileges, command, stdio } = plan;
  const { user, group } = credentials.user;
  const rows: (readonly [string, string, string] | undefined)[] = [
    hostname && ['hostname', hostname.name, hostname.by],
    loopback && ['loopback', 'up', loopback.by],
    ['user', `${user}${group === undefined ? '' : `:${group}`}, from ${credentials.producer}`, credentials.by],
    capabilities && ['capabilities', capabilities.effective.join(' ') || 'none', capabilities.by],
    noNewPrivileges && ['no new privileges', 'yes', noNewPrivileges.by],
    ...settingRows(plan),
    ['umask', plan.umask.toString(8).padStart(4, '0'), 'engine'],
    ['working directory', command.workdir, command.by],
    ...command.environment.map((entry) => ['environment', entry, command.by] as const),
    ...(command.secrets ?? []).map(
      ({ variable, secret, by }) => ['environment', `${variable} is secret ${secret}, from the caller`, by] as const,
    ),
    ['stdio', stdio.terminal ? 'a terminal' : `pipes${stdio.stdin ? ', input open' : ''}`, 'engine'],
    stdio.log && [
      'log',
      `${stdio.log.format}, ${stdio.log.maxFiles} files of ${stdio.log.maxBytes} bytes, ${stdio.log.directory}`,
      'engine',
    ],
    ['first process', plan.reaper ? 'a reaper of ours' : 'the command', 'engine'],
    ['command', JSON.stringify(command.arguments), command.by],
  ];
  return rows.filter((row) => row !== undefined);
}

/** `oomScoreAdj` → `oom score adj`, and its value as it was asked for. */
function settingRows({ settings = {} }: LaunchPlan): readonly (readonly [string, string, string])[] {
  return Object.entries(settings).map(([field, { value, by }]) => {
    const name = field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return [name, typeof value === 'object' ? JSON.stringify(value) : String(value), by];
  });
}

/** Names of calls on as many lines as they take. */
const NAMES_WIDTH = 90;

function seccompRows({ seccomp, seccompRules }: Explanation): readonly (readonly [string, string, string])[] {
  if (seccomp === undefined) return [['system calls', 'all of them: unconfined', 'engine']];
  const { profile, instructions, architectures, by } = seccomp;
  const about = `profile ${profile}, ${instructions} instructions for ${architectures.join(', ')}`;
  return [
    ['system calls', about, by],
    ...seccompRules.flatMap(({ outcome, calls }) => [
      ['  then', outcome, by] as const,
      ...folded(calls).map((line) => ['', `  ${line}`, by] as const),
    ]),
  ];
}

function folded(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < NAMES_WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function diskQuotaText(quota: NonNullable<LaunchPlan['diskQuota']>): string {
  const { limitBytes } = quota;
  const limit = limitBytes === undefined ? 'no bound' : `${limitBytes} bytes`;
  if (quota.way === 'project') return `${limit}, by project quota ${quota.project}`;
  const counted = quota.counted.join(' ');
  if (quota.way === 'image')
    return `${limit}, the layer by a file system in ${quota.file}, with it by counting: ${counted}`;
  const because = quota.because === undefined ? '' : ` (${quota.because})`;
  return `${limit}, ${quota.enforced ? 'by counting' : 'only counted'}${because}: ${counted}`;
}

function mountText(mount: LaunchPlan['mounts'][number]['mount']): string {
  const flags = mount.attributes.length === 0 ? '' : ` (${mount.attributes.join(',')})`;
  if (mount.kind === 'bind') return `${mount.target} from ${mount.source}${flags}`;
  if (mount.kind === 'shared') return `${mount.target} from container ${mount.of.container}${flags}`;
  if (mount.kind === 'image') return `${mount.target} from image ${mount.reference}${flags}`;
  return `${mount.target} ${mount.type}${flags}`;
}
