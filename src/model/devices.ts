import { defineErrors } from './error.ts';
import { checkText, parseAbsolutePath } from './text-check.ts';

/** A device of the host in the container (`--device`). */
export interface DeviceMapping {
  readonly hostPath: string;
  readonly containerPath: string;
  /** Any of `r` (read), `w` (write) and `m` (make nodes), each once. */
  readonly access: string;
}

/** What a container may do with devices; a missing number stands for all. */
export interface DeviceRule {
  /** `all` is every device of both kinds. */
  readonly kind: 'all' | 'block' | 'character';
  readonly major?: number;
  readonly minor?: number;
  /** As in {@link DeviceMapping}. */
  readonly access: string;
}

/** A device node to be made in the container's /dev. */
export interface DeviceNode {
  /** Relative to /dev. */
  readonly path: string;
  readonly kind: 'block' | 'character';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export const deviceErrors = defineErrors('devices', {
  malformedRule: {
    kind: 'invalid-argument',
    message: (d: { rule: string }) => `device rule ${JSON.stringify(d.rule)} is not of the form "c 10:200 rwm"`,
    remedy: () => 'give a kind (a, b or c), numbers or * for major and minor, and some of r, w and m',
  },
  malformedAccess: {
    kind: 'invalid-argument',
    message: (d: { access: string; device: string }) =>
      `access ${JSON.stringify(d.access)} of device ${d.device} is not some of r, w and m`,
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { what: string; count: number; most: number }) =>
      `${d.count} ${d.what}, and at most ${d.most} are allowed`,
  },
  twice: {
    kind: 'invalid-argument',
    message: (d: { path: string; first: string; second: string }) =>
      `devices ${d.first} and ${d.second} are both to be seen at ${d.path}`,
  },
});

const MOST = 256;
const KINDS = { a: 'all', b: 'block', c: 'character' } as const;
const LETTERS = { all: 'a', block: 'b', character: 'c' } as const;
/** 12 and 20 bits, as the kernel packs them (include/linux/kdev_t.h). */
const LARGEST = { major: 0xfff, minor: 0xfffff } as const;
const RULE = /^([abc]) (\d{1,10}|\*):(\d{1,10}|\*) ([rwm]{1,3})$/;

/** @throws {EngineError} `devices.malformedRule` (invalid-argument) */
export function parseDeviceRule(rule: string): DeviceRule {
  const [, letter, majorText = '', minorText = '', access = ''] = RULE.exec(rule) ?? [];
  if (letter === undefined || !isAccess(access)) throw deviceErrors.malformedRule({ rule });
  const major = parseNumber(majorText, LARGEST.major);
  const minor = parseNumber(minorText, LARGEST.minor);
  const kind = KINDS[letter as keyof typeof KINDS];
  if (major === null || minor === null) throw deviceErrors.malformedRule({ rule });
  // The kernel's list takes `a` for everything, whatever the numbers; a rule that says less would not be kept.
  if (kind === 'all' && (major !== undefined || minor !== undefined || access.length < 3)) {
    throw deviceErrors.malformedRule({ rule });
  }
  return { kind, ...(major === undefined ? {} : { major }), ...(minor === undefined ? {} : { minor }), access };
}

/** As v1's `devices.allow` takes it and `--device-cgroup-rule` says it. */
export function formatDeviceRule({ kind, major, minor, access }: DeviceRule): string {
  return `${LETTERS[kind]} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}

/** @throws {EngineError} `devices.*`, `text.*` (invalid-argument) */
export function parseDevices(devices: readonly DeviceMapping[]): readonly DeviceMapping[] {
  checkCount('devices', devices.length);
  const seen = new Map<string, string>();
  return devices.map(({ hostPath, containerPath, access }) => {
    const device = {
      hostPath: parseAbsolutePath('host path of a device', hostPath),
      containerPath: parseAbsolutePath('container path of a device', containerPath),
      access,
    };
    if (!isAccess(access)) throw deviceErrors.malformedAccess({ access, device: hostPath });
    const first = seen.get(device.containerPath);
    if (first !== undefined) throw deviceErrors.twice({ path: device.containerPath, first, second: hostPath });
    seen.set(device.containerPath, hostPath);
    return device;
  });
}

/** @throws {EngineError} `devices.*`, `text.*` (invalid-argument) */
export function checkDeviceRules(rules: readonly string[]): void {
  checkCount('device rules', rules.length);
  for (const rule of rules) parseDeviceRule(checkText('device rule', rule, 64));
}

function isAccess(access: string): boolean {
  return /^[rwm]{1,3}$/.test(access) && new Set(access).size === access.length;
}

/** @returns `undefined` for all, `null` for a number that no device has */
function parseNumber(text: string, largest: number): number | undefined | null {
  if (text === '*') return undefined;
  return Number(text) <= largest ? Number(text) : null;
}

function checkCount(what: string, count: number): void {
  if (count > MOST) throw deviceErrors.tooMany({ what, count, most: MOST });
}
