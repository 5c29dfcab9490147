import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { HiddenPathsConfig } from '../../model/hidden-paths-config.ts';
import type { SeccompChoice, SecurityConfig } from '../../model/security-config.ts';
import type { LabelConfig } from '../../model/security-label.ts';
import type { CliContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { capabilitiesOf, type RightsOptions } from './rights-options.ts';

type View = Pick<CliContext, 'cwd'>;

/** Each `--security-opt NAME=VALUE` with what it adds to what was said before. */
const OPTIONS: Readonly<Record<string, (value: string, before: SecurityConfig, view: View) => SecurityConfig>> = {
  seccomp: (value, _, { cwd }) => ({ seccomp: parseSeccomp('--security-opt seccomp', value, cwd) }),
  'no-new-privileges': (value) => ({ noNewPrivileges: parseSwitch('no-new-privileges', value) }),
  apparmor: (value, { labels }) => ({ labels: { ...labels, appArmor: value } }),
  mask: (value, { hiddenPaths }) => ({
    hiddenPaths: { ...hiddenPaths, mask: [...(hiddenPaths?.mask ?? []), ...parsePaths('mask', value)] },
  }),
  unmask: (value, { hiddenPaths }) => ({
    hiddenPaths: { ...hiddenPaths, unmask: parseUnmask(value, hiddenPaths?.unmask) },
  }),
  systempaths: (value, { hiddenPaths }) => {
    if (value === 'unconfined') return { hiddenPaths: { ...hiddenPaths, unmask: 'all' } };
    throw cliErrors.badValue({ option: '--security-opt systempaths', value, wanted: 'unconfined' });
  },
  label: (value, { labels }) => ({ labels: { ...labels, seLinux: parseLabel(value, labels?.seLinux) } }),
};

/**
 * What `--security-opt` says, as docker has it: `seccomp=unconfined`, `seccomp=builtin`, `seccomp=PROFILE.json`,
 * `no-new-privileges[=false]`, `apparmor=PROFILE`, `label=type:TYPE`, `label=disable`, `systempaths=unconfined`, and as podman
 * has it: `mask=/a:/b`, `unmask=ALL`. The older form with a colon is
 * understood too. The last one of a name wins, parts of a label add up.
 *
 * @returns `undefined` when nothing was said
 * @throws {EngineError} `cli.badValue`, `cli.unreadableFile` (invalid-argument)
 */
export function securityOf(
  options: RightsOptions & { readonly securityOpt?: readonly string[] },
  view: View,
): SecurityConfig | undefined {
  const capabilities = capabilitiesOf(options);
  let said: SecurityConfig = {
    ...(capabilities && { capabilities }),
    ...(options.privileged && { privileged: true }),
  };
  for (const text of options.securityOpt ?? []) said = { ...said, ...parseOption(text, said, view) };
  return Object.keys(said).length === 0 ? undefined : said;
}

function parseOption(text: string, before: SecurityConfig, view: View): SecurityConfig {
  const [, name = text, value = ''] = /^([^=:]+)[=:](.*)$/s.exec(text) ?? [];
  const parse = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (parse === undefined) {
    const wanted = Object.keys(OPTIONS)
      .map((known) => `${known}=VALUE`)
      .join(', ');
    throw cliErrors.badValue({ option: '--security-opt', value: text, wanted });
  }
  return parse(value, before, view);
}

/** Joined by colons, as podman has it. */
function parsePaths(name: string, value: string): readonly string[] {
  const paths = value.split(':');
  if (paths.every((path) => path.startsWith('/'))) return paths;
  throw cliErrors.badValue({ option: `--security-opt ${name}`, value, wanted: 'absolute paths joined by colons' });
}

function parseUnmask(value: string, before: HiddenPathsConfig['unmask'] = []): readonly string[] | 'all' {
  if (value.toUpperCase() === 'ALL' || before === 'all') return 'all';
  return [...before, ...parsePaths('unmask', value)];
}

/** Said without a value it is on. */
function parseSwitch(name: string, value: string): boolean {
  if (value === '' || value === 'true') return true;
  if (value === 'false') return false;
  throw cliErrors.badValue({ option: `--security-opt ${name}`, value, wanted: 'true or false' });
}

/** `disable`, or `PART:VALUE`, where a level may hold colons of its own. */
function parseLabel(value: string, before: LabelConfig['seLinux']): NonNullable<LabelConfig['seLinux']> {
  if (value === 'disable') return value;
  const [, part = '', of = ''] = /^(user|role|type|level):(.+)$/s.exec(value) ?? [];
  if (part === '') {
    const wanted = 'disable, or a part of a label such as type:container_t, level:s0:c1,c2, user:… or role:…';
    throw cliErrors.badValue({ option: '--security-opt label', value, wanted });
  }
  return { ...(before === 'disable' ? {} : before), [part]: of };
}

/**
 * `unconfined`, `builtin`, or a file, which is read here: the agent stands elsewhere.
 *
 * @throws {EngineError} `cli.badValue`, `cli.unreadableFile` (invalid-argument)
 */
export function parseSeccomp(option: string, value: string, cwd: string): SeccompChoice {
  if (value === 'unconfined' || value === 'builtin') return { kind: value };
  if (value === '') throw cliErrors.badValue({ option, value, wanted: 'unconfined, builtin or a profile in a file' });
  const path = resolve(cwd, value);
  try {
    return { kind: 'profile', name: path, content: readFileSync(path, 'utf8') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw cliErrors.unreadableFile({ option, path, reason });
  }
}
