import { present } from '../../model/container-request.ts';
import type { AgentClient } from './agent-client.ts';
import { confirmed } from './confirm.ts';
import { forEach } from './container-commands.ts';
import { type CliContext, printLine } from './context.ts';
import { cliErrors, EXIT_NOT_ALL } from './errors.ts';
import { table } from './format.ts';
import { labelFilters } from './program-prune.ts';
import { reportError } from './report-error.ts';
import { parseLabels } from './values.ts';

/** A volume as the agent's JSON has it. */
interface VolumeJson {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  readonly containers: readonly string[];
  readonly mountPoint: string;
}

/** `isopod volume create` */
export async function createVolumeCommand(
  context: CliContext,
  client: AgentClient,
  input: {
    readonly name: string | undefined;
    readonly driver?: string;
    readonly opt?: readonly string[];
    readonly label?: readonly string[];
  },
): Promise<number> {
  const { name, driver, opt, label } = input;
  if (name === '') throw cliErrors.emptyName({ of: 'a volume' });
  const options = opt === undefined ? undefined : parseLabels(opt, '--opt');
  const labels = label === undefined ? undefined : parseLabels(label);
  const volume = await client.call<VolumeJson>('POST', '/v1/volumes', present({ name, driver, options, labels }));
  printLine(context, volume.name);
  return 0;
}

/** `isopod volume ls` */
export async function listVolumesCommand(
  context: CliContext,
  client: AgentClient,
  options: { readonly quiet?: boolean; readonly json?: boolean; readonly filter?: readonly string[] },
): Promise<number> {
  const isWanted = volumeFilter(options.filter ?? []);
  const volumes = (await client.call<readonly VolumeJson[]>('GET', '/v1/volumes')).filter(isWanted);
  if (options.json === true) printLine(context, JSON.stringify(volumes, undefined, 2));
  else if (options.quiet === true) for (const { name } of volumes) printLine(context, name);
  else {
    const rows = volumes.map(({ name, driver, containers }) => [name, driver, `${containers.length}`]);
    context.stdout.write(table(['NAME', 'DRIVER', 'CONTAINERS'], rows));
  }
  return 0;
}

/** `name=` (a part of it), `label=key[=value]`, `driver=`, `dangling=true|false`. @throws {EngineError} `cli.badValue` */
export function volumeFilter(filters: readonly string[]): (volume: VolumeJson) => boolean {
  const tests = filters.map((filter) => {
    const [key = '', ...rest] = filter.split('=');
    const test = FILTERS[key]?.(rest.join('='));
    if (test === undefined) {
      const wanted = 'name=, label=, driver= or dangling=true|false';
      throw cliErrors.badValue({ option: '--filter', value: filter, wanted });
    }
    return test;
  });
  return (volume) => tests.every((test) => test(volume));
}

const FILTERS: Readonly<Record<string, (value: string) => ((volume: VolumeJson) => boolean) | undefined>> = {
  name:
    (value) =>
    ({ name }) =>
      name.includes(value),
  driver:
    (value) =>
    ({ driver }) =>
      driver === value,
  label: (value) => {
    const [key = '', ...wanted] = value.split('=');
    return ({ labels }) => (wanted.length === 0 ? labels[key] !== undefined : labels[key] === wanted.join('='));
  },
  dangling: (value) => {
    if (value !== 'true' && value !== 'false') return undefined;
    return ({ containers }) => (containers.length === 0) === (value === 'true');
  },
};

/** `isopod volume inspect` */
export async function inspectVolumesCommand(
  context: CliContext,
  client: AgentClient,
  names: readonly string[],
): Promise<number> {
  const found: VolumeJson[] = [];
  let code = 0;
  for (const name of names) {
    try {
      found.push(await client.call('GET', volumePath(name)));
    } catch (error) {
      reportError(context.stderr, error);
      code = EXIT_NOT_ALL;
    }
  }
  printLine(context, JSON.stringify(found, undefined, 2));
  return code;
}

/** `isopod volume rm` */
export function removeVolumesCommand(
  context: CliContext,
  client: AgentClient,
  names: readonly string[],
): Promise<number> {
  return forEach(context, names, async (name) => {
    await client.call('DELETE', volumePath(name));
    return name;
  });
}

/** `isopod volume prune`: it asks nothing, for nothing that a container has is taken. */
export async function pruneVolumesCommand(
  context: CliContext,
  client: AgentClient,
  options: { readonly all?: boolean; readonly filter?: readonly string[]; readonly force?: boolean },
): Promise<number> {
  const wanted = labelFilters(options.filter ?? [], 'label=KEY[=VALUE] or label!=KEY[=VALUE]');
  const body = { all: options.all === true, ...wanted };
  const what = `volumes that no container has${body.all ? '' : ' and that nobody named'}, with their data`;
  if (!(await confirmed(context, { what, force: options.force }))) return 0;
  const { removed } = await client.call<{ readonly removed: readonly string[] }>('POST', '/v1/volumes/prune', body);
  for (const name of removed) printLine(context, name);
  return 0;
}

function volumePath(name: string): string {
  if (name === '') throw cliErrors.emptyName({ of: 'a volume' });
  return `/v1/volumes/${encodeURIComponent(name)}`;
}
